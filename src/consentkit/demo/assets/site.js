// The shop's own script: no third party, so it has to run whatever the visitor decides.
"use strict";

(() => {
  const BASKET = "hw_basket";

  const count = () => {
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${BASKET}=`));
    return Number.parseInt(found ? found.slice(BASKET.length + 1) : "0", 10) || 0;
  };

  const keep = (number) => {
    document.cookie = `${BASKET}=${number}; path=/; samesite=lax`;
    for (const place of document.querySelectorAll("[data-basket]")) {
      place.textContent = String(number);
    }
  };

  keep(count());

  for (const button of document.querySelectorAll("[data-add]")) {
    button.addEventListener("click", () => keep(count() + 1));
  }

  const lamp = document.querySelector("[data-lamp]");
  for (const choice of document.querySelectorAll("input[name=finish]")) {
    choice.addEventListener("change", () => lamp.style.setProperty("--shade", choice.value));
  }

  document.documentElement.dataset.site = "ready";
})();

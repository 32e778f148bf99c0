// Compiled, not run: the interface is what the types say, and the types are what sites need.
const end: () => void = consentkit.on("change", (categories) => {
  const outcome: "granted" | "denied" | undefined = categories["analytics"];
  void outcome;
});
end();
document.addEventListener("consentkit:before", (event) => event.detail.categories["marketing"]);
const saved: Promise<void> = window.consentkit.save(["analytics"]);
void saved.then(() => consentkit.granted("analytics") && consentkit.open());
// @ts-expect-error there is no such event
consentkit.on("changed", () => {});

"""Names of countries by ISO 3166-1 alpha-2 code, for "where the provider sits".

Promise: a code that is known is shown by its name, anything else as it stands. The short names in
everyday use, not the official ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TABLE = """
AD Andorra|AE United Arab Emirates|AL Albania|AM Armenia|AR Argentina|AT Austria|AU Australia|
AZ Azerbaijan|BA Bosnia and Herzegovina|BD Bangladesh|BE Belgium|BG Bulgaria|BH Bahrain|BM Bermuda|
BO Bolivia|BR Brazil|BY Belarus|CA Canada|CH Switzerland|CI Côte d’Ivoire|CL Chile|CM Cameroon|
CN China|CO Colombia|CR Costa Rica|CU Cuba|CY Cyprus|CZ Czechia|DE Germany|DK Denmark|
DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|ES Spain|ET Ethiopia|
EU European Union|FI Finland|FO Faroe Islands|FR France|GB United Kingdom|GE Georgia|GG Guernsey|
GH Ghana|GI Gibraltar|GL Greenland|GR Greece|GT Guatemala|HK Hong Kong|HN Honduras|HR Croatia|
HU Hungary|ID Indonesia|IE Ireland|IL Israel|IM Isle of Man|IN India|IQ Iraq|IR Iran|IS Iceland|
IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|
KR South Korea|KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|LI Liechtenstein|
LK Sri Lanka|LT Lithuania|LU Luxembourg|LV Latvia|MA Morocco|MC Monaco|MD Moldova|ME Montenegro|
MK North Macedonia|MM Myanmar|MN Mongolia|MO Macao|MT Malta|MU Mauritius|MX Mexico|MY Malaysia|
NG Nigeria|NI Nicaragua|NL Netherlands|NO Norway|NP Nepal|NZ New Zealand|OM Oman|PA Panama|PE Peru|
PH Philippines|PK Pakistan|PL Poland|PR Puerto Rico|PT Portugal|PY Paraguay|QA Qatar|RO Romania|
RS Serbia|RU Russia|RW Rwanda|SA Saudi Arabia|SC Seychelles|SE Sweden|SG Singapore|SI Slovenia|
SK Slovakia|SM San Marino|SN Senegal|SV El Salvador|TH Thailand|TN Tunisia|TR Türkiye|TW Taiwan|
TZ Tanzania|UA Ukraine|UG Uganda|US United States|UY Uruguay|UZ Uzbekistan|VA Vatican City|
VE Venezuela|VG British Virgin Islands|VN Vietnam|ZA South Africa|ZM Zambia|ZW Zimbabwe
"""

COUNTRIES: Mapping[str, str] = MappingProxyType(
    {entry[:2]: entry[3:] for entry in _TABLE.replace("\n", "").split("|")}
)


def country_name(code: str) -> str:
    """The name of a country in English; the text itself when it is no known code."""
    return COUNTRIES.get(code, code)

"""The command line: ``consentkit log …``, ``consentkit gate …``, ``consentkit demo``."""

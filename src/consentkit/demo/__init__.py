"""The demonstration site: an invented shop with every vendor tag that a gate has to know."""

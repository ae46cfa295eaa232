"""The dashboard as a person uses it: real browsers before real services. A package, so that both end with its tests."""

"""The forge's API: what is looked for, and made where it is not there."""

"""One module per kind of requirements file, and what they share. `mfenvd.flows.requirement_file` picks among them."""

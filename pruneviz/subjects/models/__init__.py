"""Where networks come from: samples, torchvision, a Python factory, weights files."""

"""The fastest loop we could write by hand for ResNet-8 in each framework: what the workload is measured against."""

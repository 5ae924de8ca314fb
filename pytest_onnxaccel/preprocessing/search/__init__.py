"""The search for an image that tells two functions apart."""

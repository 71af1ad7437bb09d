"""Pure conda: the same packages here and on AWS Batch."""

from metaflow import FlowSpec, batch, conda, step


class CrossPlatformFlow(FlowSpec):
    @conda(libraries={"pandas": "1.5.0", "numpy": "1.21.5"}, python="3.9")
    @step
    def start(self):
        import numpy as np
        import pandas as pd

        self.mean = float(pd.Series(np.arange(10)).mean())
        self.next(self.end)

    @batch(image="amazonlinux:2")
    @conda(libraries={"pandas": "1.5.0", "numpy": "1.21.5"}, python="3.9")
    @step
    def end(self):
        print(f"mean: {self.mean}")


if __name__ == "__main__":
    CrossPlatformFlow()

"""GLIBC: the image of the first step is older than every wheel of the version that is asked for.

The second step leaves the version open, and gets an older one than it would on a newer image.
"""

from metaflow import FlowSpec, batch, pypi, step

IMAGE = "amazonlinux:2"  # GLIBC 2.26


class GlibcMismatchFlow(FlowSpec):
    @batch(image=IMAGE)
    @pypi(packages={"numpy": "2.4.6"}, python="3.11")
    @step
    def start(self):
        import numpy as np

        self.total = float(np.arange(10).sum())
        self.next(self.columns)

    @batch(image=IMAGE)
    @pypi(packages={"pyarrow": ""}, python="3.11")
    @step
    def columns(self):
        import pyarrow as pa

        self.length = len(pa.array([self.total]))
        self.next(self.end)

    @step
    def end(self):
        print(self.length)


if __name__ == "__main__":
    GlibcMismatchFlow()

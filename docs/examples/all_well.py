"""All well: wheels for this machine and for the Kubernetes nodes."""

from metaflow import FlowSpec, kubernetes, pypi, pypi_base, step


@pypi_base(python="3.11")
class AllWellFlow(FlowSpec):
    @step
    def start(self):
        self.prices = {"bread": 2.5, "milk": 1.1}
        self.next(self.summarise)

    @kubernetes(image="python:3.11-slim-bookworm", cpu=2)
    @pypi(packages={"pandas": "2.2.3", "pyarrow": ">=17,<19"})
    @step
    def summarise(self):
        import pandas as pd

        self.mean = float(pd.Series(self.prices).mean())
        self.next(self.end)

    @step
    def end(self):
        print(f"mean price: {self.mean:.2f}")


if __name__ == "__main__":
    AllWellFlow()

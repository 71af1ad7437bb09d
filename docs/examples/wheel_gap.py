"""A wheel gap: pywin32 has wheels for Windows alone, and the step runs on AWS Batch, which is linux-64."""

from metaflow import FlowSpec, batch, pypi, step

BATCH = {"cpu": 2, "memory": 8000}


class WheelGapFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.read_workbook)

    @batch(**BATCH)
    @pypi(packages={"openpyxl": "3.1.5", "pywin32": "306"}, python="3.11")
    @step
    def read_workbook(self):
        import openpyxl

        self.sheets = openpyxl.Workbook().sheetnames
        self.next(self.end)

    @step
    def end(self):
        print(self.sheets)


if __name__ == "__main__":
    WheelGapFlow()

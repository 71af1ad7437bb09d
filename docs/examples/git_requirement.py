"""A git requirement: it has to be built where it runs, so it cannot be resolved for another architecture."""

from metaflow import FlowSpec, pypi, step


class GitRequirementFlow(FlowSpec):
    @pypi(
        packages={
            "clip": "@ git+https://github.com/openai/CLIP.git@main",
            "ftfy": "6.3.1",
        },
        python="3.11",
    )
    @step
    def start(self):
        self.labels = ["cat", "dog"]
        self.next(self.end)

    @step
    def end(self):
        print(self.labels)


if __name__ == "__main__":
    GitRequirementFlow()

"""The packages stand in requirements.txt, which Metaflow's own parser reads."""

from metaflow import Config, FlowSpec, config_expr, pypi_base, requirements_txt_parser, step


@pypi_base(packages=config_expr("deps.packages"), python="3.11")
class RequirementsFlow(FlowSpec):
    deps = Config("deps", default="requirements.txt", parser=requirements_txt_parser)

    @step
    def start(self):
        import humanize

        self.size = humanize.naturalsize(123_456_789)
        self.next(self.end)

    @step
    def end(self):
        print(self.size)


if __name__ == "__main__":
    RequirementsFlow()

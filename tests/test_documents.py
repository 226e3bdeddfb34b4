"""Names in the documents are those of the code: files, options, methods, limits, checks."""

from __future__ import annotations

import pkgutil
import re
import tomllib

import pytest
import typer
import yaml

from pruneviz import store
from pruneviz.allocate import WIDTHS
from pruneviz.catalogue import REGISTRIES
from pruneviz.cli import app
from pruneviz.criteria import CRITERIA
from pruneviz.history import check, folder
from pruneviz.metrics import METRICS
from pruneviz.plan.text import MAX_PLAN_CHARACTERS
from pruneviz.recovery import SCHEDULES
from pruneviz.recovery.recipes import RECIPES
from pruneviz.subjects import uploads
from pruneviz.subjects.files import arrays, decoded, images
from pruneviz.subjects.models.weights import MAX_HEADER_BYTES, PICKLES
from pruneviz.subjects.texts import rows, windows
from pruneviz.tasks import TASKS
from pruneviz.ui.session.link import MAX_LINK_CHARACTERS
from tests.documents import NAMES, ROOT, lines, named, spans, table, text_of

SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "pruneviz").rglob("*.py")))
FOLDERS = ("pruneviz", "pages", "tests", "benchmarks", "sample_models", "docs", ".github")
KNOWN = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")}
FILE_NAME = re.compile(r"[\w-]+\.(?:py|js|md|json|csv|yaml|yml|safetensors|toml|txt)")
SPANS = {name: spans(name) for name in NAMES}
COMMAND = typer.main.get_command(app)
# A server's own, which `pruneviz app` sets from its options.
INTERNAL = {"PRUNEVIZ_MODELS", "PRUNEVIZ_WEIGHTS", "PRUNEVIZ_DATA"}


def options_of(command) -> set[str]:
    """Return the options of a command, or of all commands below it."""
    below = getattr(command, "commands", {}).values()
    own = {option for each in command.params for option in each.opts}
    return own.union(*(options_of(each) for each in below))


def command_of(words):
    """Return the command that a line calls, as far as its words name one."""
    command = COMMAND
    for word in words:
        below = getattr(command, "commands", {})
        if not below:
            break
        assert word in below, f"there is no command '{word}'"
        command = below[word]
    return command


@pytest.mark.parametrize("name", NAMES)
def test_paths_and_files_are_the_project_s_or_written_by_it(name):
    paths = [span for span in SPANS[name] if span.partition("/")[0] in FOLDERS and "/" in span]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    files = [span for span in SPANS[name] if FILE_NAME.fullmatch(span)]
    here = {path.name for path in ROOT.iterdir()} | KNOWN
    assert [file for file in files if file not in here and f'"{file}"' not in SOURCE] == []


@pytest.mark.parametrize("name", NAMES)
def test_modules_and_functions_are_there(name):
    named = [span for span in SPANS[name] if re.fullmatch(r"pruneviz(\.\w+)+", span)]
    assert None not in map(pkgutil.resolve_name, named)  # which raises where there is none


@pytest.mark.parametrize("name", NAMES)
def test_commands_have_the_options_that_are_named(name):
    for line in [*SPANS[name], *lines(name)]:
        program, *words = line.split()
        if program == "pruneviz" and words and words[0] != "COMMAND":
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given <= options_of(command_of(words)), line
        elif line.startswith("--"):
            assert program in options_of(COMMAND), line


def test_every_environment_variable_is_told_and_read():
    read = set(re.findall(r'"(PRUNEVIZ_[A-Z_]+)"', SOURCE)) - INTERNAL
    assert set(named([row[0] for row in table("docs/runs.md", "variable")])) == read
    everywhere = {span for each in SPANS.values() for span in each}
    assert {span for span in everywhere if span.startswith("PRUNEVIZ_")} == read


def test_what_is_made_can_be_made():
    rules = re.findall(r"^(\S+):", text_of("Makefile").replace("$(VENV)", ".venv"), re.MULTILINE)
    typed = [line for name in NAMES for line in [*SPANS[name], *lines(name)]]
    targets = {line.split()[1] for line in typed if line.startswith("make ")}
    assert {"app", "test", "bench"} <= targets <= set(rules)


def test_single_tests_that_are_named_are_there():
    called = re.findall(r"(tests/[\w/.]+)(?:::(\w+))?", "\n".join(lines("CONTRIBUTING.md")))
    assert any(test for _, test in called)
    for path, test in called:
        assert not test or f"def {test}(" in text_of(path)


@pytest.mark.parametrize("kind", ["granularity", "scope"])
def test_every_granularity_and_scope_stands_with_its_parameters(kind):
    registry = REGISTRIES[kind]
    shared = {parameter.name for parameter in WIDTHS}
    told = {named(row[:1])[0]: named(row[2:]) for row in table("docs/methods.md", f"`{kind}`")}
    assert told.keys() == set(registry.names())
    for name, parameters in told.items():
        assert set(parameters) == {p.name for p in registry.get(name).parameters} - shared


def test_every_criterion_stands_in_its_family():
    told = {row[0]: set(named(row[2:])) for row in table("docs/methods.md", "family")}
    families: dict[str, set[str]] = {}
    for entry in CRITERIA:
        families.setdefault(entry.family, set()).add(entry.name)
    assert told == families


def test_every_task_stands_with_what_judges_it():
    told = {named(row[:1])[0]: named(row[3:]) for row in table("docs/tasks.md", "`task`")}
    known = {entry.name: [*entry.implementation().reported] for entry in TASKS}
    known["language_modelling"].append("bits_per_byte")  # where a tokenizer is known
    assert told == known


def test_every_metric_stands_with_its_direction_and_parameters():
    units = {"fraction": "%", "nats": "nats", "bits": "bits"}
    told = {}
    for row in table("docs/tasks.md", "`metric`"):
        for name in named(row[:1]):
            told[name] = (row[1], row[2], named(row[4:]))
    assert told.keys() == set(METRICS.names())
    for name, (unit, better, parameters) in told.items():
        metric = METRICS.get(name)
        assert better == metric.better
        assert parameters == [p.name for p in metric.parameters]
        expected = units.get(metric.unit)
        assert unit == expected if expected else unit not in units.values()


def test_every_recipe_and_schedule_is_told():
    assert named([row[0] for row in table("docs/methods.md", "recipe")]) == RECIPES.names()
    assert set(SCHEDULES.names()) <= set(spans("docs/methods.md"))


def test_the_changelog_has_the_form_of_one():
    headings = re.findall(r"^(##+) (.*)$", text_of("CHANGELOG.md"), re.MULTILINE)
    versions = [title for level, title in headings if level == "##"]
    parts = {title for level, title in headings if level == "###"}
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", v) for v in versions[1:])
    assert parts <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_every_file_of_a_run_is_told():
    rows = [line for line in text_of("docs/formats.md").splitlines() if line.startswith("| `")]
    constants = {
        value
        for module in (store, folder)
        for name, value in vars(module).items()
        if name.endswith("_FILE")
    }
    told = set(named([row.split(" | ")[0] for row in rows]))
    assert told == constants | {folder.CHECKPOINTS}


def test_limits_are_those_of_the_code():
    mega, giga = 1_000_000, 1_000_000_000
    told = {row[0]: row[1] for row in table("SECURITY.md", "what")}
    assert told == {
        "an upload": f"{uploads.MAX_FILE_BYTES // mega} MB",
        "all uploads together": f"{uploads.MAX_TOTAL_BYTES // giga} GB",
        "an npz or zip, unpacked": f"{arrays.MAX_UNPACKED_BYTES // giga} GB",
        "a text for a language model": f"{windows.MAX_TEXT_BYTES // mega} MB",
        "texts with labels": f"{rows.MAX_BYTES // mega} MB",
        "values of one array": f"{arrays.MAX_VALUES:,}",
        "files in a zip of images": f"{images.MAX_MEMBERS:,}",
        "images in memory": f"{images.MAX_TENSOR_BYTES / giga} GB, of more a share of each class "
        "is taken",
        "decoded images kept on disk": f"{decoded.MOST_BYTES // giga} GB, those not used the "
        "longest go",
        "the header of a safetensors file": f"{MAX_HEADER_BYTES // mega} MB",
        "a plan": f"{MAX_PLAN_CHARACTERS:,} characters",
        "the plan in a link": f"{MAX_LINK_CHARACTERS:,} characters",
        "an archive of runs, unpacked": f"{check.MAX_TOTAL_BYTES // giga} GB, "
        f"{check.MAX_MEMBERS:,} files, {check.MAX_RATIO} times its size",
        "a tensor file or text in it": f"{check.MAX_TENSOR_BYTES // giga} GB, "
        f"{check.MAX_TEXT_BYTES // mega} MB",
    }
    assert images.MAX_UNPACKED_BYTES == arrays.MAX_UNPACKED_BYTES
    assert set(PICKLES) <= set(spans("SECURITY.md"))


def recipe_of_make_test() -> list[str]:
    """Return the lines that `make test` runs, the set-up of a browser apart."""
    _, _, rest = text_of("Makefile").partition("\ntest:")
    recipe = [line.strip() for line in rest.splitlines()[1:] if line.startswith("\t")]
    until = rest.splitlines()[1:].index("")
    return [line.replace("$(BIN)", ".venv/bin") for line in recipe[:until] if ".sh" not in line]


def test_hooks_are_the_checks_of_make_test():
    (local,) = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == recipe_of_make_test()
    assert all(hook["pass_filenames"] is False for hook in local["hooks"])


def test_the_workflow_runs_make_test_with_actions_of_a_version():
    steps = yaml.safe_load(text_of(".github/workflows/test.yml"))["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make test"]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", s["uses"]) for s in steps if "uses" in s)
    asked = tomllib.loads(text_of("pyproject.toml"))["project"]["requires-python"]
    (python,) = [s["with"]["python-version"] for s in steps if "setup-python" in s.get("uses", "")]
    assert asked == f">={python}"


def test_what_the_package_names_is_there():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert (ROOT / project["readme"]).is_file()
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text_of("LICENSE")
    extras = set(re.findall(r"pruneviz\[(\w+)\]", "".join(map(text_of, NAMES))))
    assert extras <= project["optional-dependencies"].keys()

"""The configuration of one run: the file, the profile that applies, and the values of each level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kaito.config.fault_reports import Report, raise_fault
from kaito.config.flag_form import FlagForm, from_variable, is_on, shared_variable, variable_names
from kaito.config.setting_levels import Kind, Level, Setting, SettingOrigin
from kaito.errors import KaitoError, UsageError
from kaito.util.user_folders import config_folder

if TYPE_CHECKING:
    from kaito.config.config_file import ConfigFile
    from kaito.config.file_sections import Section, Sections

#: The variables that choose the profile and switch the file off.
PROFILE, NO_CONFIG = "KAITO_PROFILE", "KAITO_NO_CONFIG"


def config_path() -> Path | None:
    """Return the path of the file, which need not exist; `None` when the user has no home."""
    try:
        return config_folder() / "config.toml"
    except KaitoError:
        return None


class UserConfig:
    """The file, the chosen profile and the variables.

    The constructor does not raise: some commands work without the configuration, so what is wrong with the file or the
    choice is in `faults`. Everything that is valid is read.

    Args:
        environ: the environment.
        profile: the value of `--profile`.
        ignored: whether `--no-config` is given.
        is_command: returns whether there is a subcommand of a name.

    Attributes:
        path: the file's path; `None` if it is not known.
        file: the file; `None` when there is none, or it is ignored or cannot be read.
        is_unreadable: whether there is a file that cannot be read: what it sets is not known.
        is_ignored: whether `--no-config` or `KAITO_NO_CONFIG` switches the file off.
        profile: the name of the chosen profile, which exists.
        missing_profile: the name of a chosen profile that does not exist.
        faults: the errors of the file and of the choice.
        warning: what the user should know, such as that others can write the file; `""` for nothing.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        profile: str | None = None,
        ignored: bool = False,
        is_command: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.path: Path | None = config_path()
        self.file: ConfigFile | None = None
        self.is_unreadable = False
        self.profile: str | None = None
        self.missing_profile: str | None = None
        self.faults: list[UsageError] = []
        self.warning = ""
        self._sections: Sections | None = None
        self._environ = {} if ignored else environ
        self.is_ignored = ignored or self._is_switched_off()
        if not self.is_ignored:
            self._load(profile, is_command)
        elif profile is not None:
            self.faults.append(UsageError("--profile: cannot be used with --no-config or KAITO_NO_CONFIG"))

    @property
    def fault(self) -> UsageError | None:
        """The first fault; `None` when nothing is wrong."""
        return next(iter(self.faults), None)

    @property
    def is_hidden(self) -> bool:
        """Whether it is not known if there is a file, because its folder may not be searched."""
        return self.file is None and bool(self.warning)

    def _is_switched_off(self) -> bool:
        try:
            return is_on(NO_CONFIG, self._environ.get(NO_CONFIG))
        except UsageError as exc:
            self.faults.append(exc)
            return False

    def _load(self, profile: str | None, is_command: Callable[[str], bool]) -> None:
        name, by = (profile, "--profile") if profile is not None else (self._environ.get(PROFILE) or None, PROFILE)
        if self.path is not None and self._exists(self.path):
            from kaito.config.config_file import read_config
            from kaito.config.file_sections import read_sections

            try:
                self.file = read_config(self.path)
            except UsageError as exc:
                self.is_unreadable = True
                self.faults.append(exc)
                return
            self.warning = self.file.warning
            self._sections = read_sections(self.file, is_command, self.faults.append)
        if name is None:
            return
        try:
            self._check_profile(name, by)
        except UsageError as exc:
            self.missing_profile = name
            self.faults.append(exc)
        else:
            self.profile = name

    def _exists(self, path: Path) -> bool:
        """Return whether there is a file.

        A folder that may not be searched is no fault, only a warning: `HOME` may be that of another user.
        """
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as exc:
            from kaito.util.user_folders import shown_path

            self.warning = f"cannot read {shown_path(path)}: {exc.strerror}; --no-config ignores it"
            return False
        except (OSError, ValueError):
            pass  # reading it says why
        return True

    def _check_profile(self, name: str, by: str) -> None:
        """Refuse a profile that does not exist.

        Raises:
            UsageError: the message names the file, and the nearest profile.
        """
        from kaito.util.suggest import did_you_mean
        from kaito.util.user_folders import shown_path

        if self.file is None or self.path is None:
            where = shown_path(self.path) if self.path is not None else "the configuration folder of a user with a home"
            state = "cannot be read" if self.is_hidden else "does not exist"
            raise UsageError(f"{by}: there is no profile '{name}'", f"Profiles are in {where}, which {state}")
        if name not in self.profiles:
            near = did_you_mean(name, self.profiles)
            hint = f"Did you mean {near}?" if near else f"Its profiles: {', '.join(self.profiles) or 'none'}"
            raise UsageError(f"{by}: there is no profile '{name}' in {shown_path(self.path)}", hint)

    @property
    def profiles(self) -> list[str]:
        """The names of the profiles."""
        return [*self._sections.profiles] if self._sections is not None else []

    @property
    def sections(self) -> list[Section]:
        """All sections of the file."""
        return self._sections.all if self._sections is not None else []

    @property
    def chosen(self) -> list[tuple[Section, Kind, str]]:
        """The sections that apply, in order of precedence, each with its kind and name."""
        if self._sections is None:
            return []
        defaults: list[tuple[Section, Kind, str]] = [(self._sections.defaults, "defaults", "defaults")]
        if self.profile is None:
            return defaults
        return [(self._sections.profiles[self.profile], "profile", f"profile {self.profile}"), *defaults]

    def levels(
        self, command: str, forms: Mapping[str, FlagForm], report: Report = raise_fault
    ) -> Iterator[list[Level]]:
        """Yield the levels below the command line, the highest first; each has the command's values, then the others'.

        Args:
            command: the subcommand.
            forms: its flags by key.
            report: receives the error for a value of a type that its flag does not take, or with a secret in the file.
        """
        yield list(self._variables(command, forms, report))
        if self._sections is None:
            return
        from kaito.config.section_values import section_level

        for section, kind, name in self.chosen:
            yield [
                section_level(
                    section, section.commands.get(command, {}), forms, (command,), kind, f"{name}, {command}", report
                ),
                section_level(section, section.values, forms, (), kind, name, report),
            ]

    def _variables(self, command: str, forms: Mapping[str, FlagForm], report: Report) -> Iterator[Level]:
        found: tuple[dict[str, Setting], dict[str, Setting]] = ({}, {})
        for key, form in forms.items():
            if form.scope == "never":
                continue
            for level, name in zip(found, variable_names(form, command), strict=False):
                # Kubernetes sets variables with such values for a Service called `kaito-…`.
                if (value := self._environ.get(name)) and not value.startswith(("tcp://", "udp://", "sctp://")):
                    level[key] = _of_variable(form, name, value, report)
        return iter(found)

    def sets(self, key: str) -> bool:
        """Return whether a value for all commands is set for a flag."""
        return shared_variable(key) in self._environ or any(key in section.values for section in self.sections)

    @property
    def has_api_key(self) -> bool:
        """Whether a variable has the key for the model's server."""
        return bool(self._environ.get("KAITO_API_KEY"))


def _of_variable(form: FlagForm, name: str, value: str, report: Report) -> Setting:
    origin = SettingOrigin(kind="variable", name=name)
    try:
        return Setting(given=from_variable(form, value), origin=origin)
    except ValueError as exc:
        # Only a switch is quoted: the list of another flag may have headers with secrets.
        shown_value = f"'{value}' " if form.kind == "switch" else ""
        fault = UsageError(f"{name}: {shown_value}{exc}")
    report(fault)
    return Setting(given=(), origin=origin, fault=fault)

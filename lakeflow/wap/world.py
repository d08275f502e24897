"""What a run needs of the world: the ports, the clock, the settings, and who is acting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from lakeflow.core.errors import AssetError, LakeError
from lakeflow.core.keys import AssetKey, ExternalKey, TableKey
from lakeflow.core.model.asset import UNLIMITED, Asset, Limits, Project
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import Holder, VerdictRecord
from lakeflow.core.model.table import External, Scan, Table
from lakeflow.core.plan import partitions as partition_plan
from lakeflow.core.plan.facts import Facts, Rekeyed, published
from lakeflow.core.plan.landing import FoundFile, Landing, from_json, landed_set, to_land, to_land_again
from lakeflow.core.ports import Auditor, Catalog, Clock, Engine, Externals, Ledger
from lakeflow.core.run.events import Logged
from lakeflow.core.run.resources import SMALL, Resources
from lakeflow.core.version.fingerprint import ALGORITHM, fingerprint, key_in, rekeyed, salted

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Invocation:
    """Who acts, from where: `git` is `<commit>` or `<commit>+dirty`, empty outside a repository."""

    actor: str
    holder: Holder
    version: str
    git: str = ""


@dataclass(frozen=True)
class Policy:
    """Settings that a run obeys; times are in seconds.

    `keep_snapshots` counts the ancestors of main that stay. `limits` hold for an asset that declares none;
    `retry_pause` is the first pause before a retry, each next one is twice as long. At most `parallel` steps run at the
    same time; they divide the `machine` among themselves.
    """

    keep_snapshots: int = 50
    check_timeout: float = 600.0
    lease_seconds: float = 30.0
    limits: Limits = UNLIMITED
    retry_pause: float = 1.0
    machine: Resources = SMALL
    parallel: int = 1


class _NoCatalogs:
    """A lake that knows no other catalog."""

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        return {key: External(fault=f"no catalog {key.catalog!r} is configured") for key in keys}

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        raise AssetError(f"{table.key}: no catalog {table.key.catalog!r} is configured")


def _unless_damaged(broken: dict[AssetKey, LakeError], key: AssetKey, read: Callable[[], Parsed]) -> Parsed | None:
    """What `read` gives. None where a sidecar of the table is gone or damaged; the reason is noted."""
    try:
        return read()
    except LakeError as error:
        broken.setdefault(key, error)
        return None


def _with_owners(broken: Mapping[AssetKey, LakeError]) -> dict[AssetKey, LakeError]:
    """The broken tables, and the owners of broken quarantines: an asset whose quarantine cannot be read cannot be
    written either.
    """
    owners = {owner: error for key, error in broken.items() if (owner := owner_of(key)) is not None}
    return owners | dict(broken)


def _under_new_names(found: dict[AssetKey, Any], renames: Mapping[AssetKey, AssetKey]) -> dict[AssetKey, Any]:
    for new, old in renames.items():
        said = found.pop(old, ())
        found[new] = replace(said, key=new) if isinstance(said, Table) else said
    return found


@dataclass(frozen=True)
class World:
    """The ports and the project. Engine and auditor are made when a run first needs them: a plan needs neither.

    `read_digest` is the fingerprint of a root's outside files. `find_files` lists what a source's globs match, with
    content hashes; `changed_files` looks at these files again and names those that hold something else by now. `log`
    watches every run; `release` lets go of what was opened for the ports. `claim` is called before anything is written:
    LakeError where the warehouse is not this lake's.
    """

    project: Project
    catalog: Catalog
    ledger: Ledger
    make_engine: Callable[[], Engine]
    make_auditor: Callable[[], Auditor]
    clock: Clock
    new_id: Callable[[], str]
    read_digest: Callable[[Asset], str]
    invocation: Invocation
    policy: Policy = Policy()
    log: Callable[[Logged], None] = lambda _: None
    release: Callable[[], None] = lambda: None
    find_files: Callable[[FileSource], tuple[FoundFile, ...]] = lambda _: ()
    changed_files: Callable[[Sequence[FoundFile]], tuple[str, ...]] = lambda _: ()
    externals: Externals = field(default_factory=_NoCatalogs)
    claim: Callable[[], None] = lambda: None

    @cached_property
    def engine(self) -> Engine:
        return self.make_engine()

    @cached_property
    def auditor(self) -> Auditor:
        return self.make_auditor()

    def close(self) -> None:
        made = vars(self)
        for name in ("auditor", "engine"):
            if port := made.pop(name, None):
                port.close()
        self.release()

    def facts(self, selected: Iterable[AssetKey], *, anew: bool = False) -> Facts:
        """Everything that a plan of these assets rests on, from ONE catalog read.

        A table that still has the old name of a renamed asset stands under the new one. With `anew`, files that have
        landed land again.
        """
        mine = tuple(selected)
        keys = self._looked_at(mine)
        tables, verdicts, renames, broken = self._standing(mine, keys)
        sound = partial(_unless_damaged, broken)
        roots = (asset for key in keys if (asset := self.project.assets.get(key)) and asset.reads)
        landings = {
            key: landing
            for key, found in self._found_files(mine).items()
            if (landing := sound(key, partial(self._landing, key, found, tables.get(key), anew=anew))) is not None
        }
        built = {
            key: found
            for key, table in tables.items()
            if (found := sound(key, partial(self.built, table, table.main))) is not None
        }
        return Facts(
            tables=tables,
            verdicts=verdicts,
            reads_digests={asset.key: self.read_digest(asset) for asset in roots}
            | {key: landing.digest for key, landing in landings.items()},
            landings=landings,
            externals=self.externals.find({key for name in mine for key in self.project.assets[name].external}),
            renames=renames,
            rekeyed={key: was for key in mine if (was := self._rekeyed(key, tables.get(key), verdicts.get(key, ())))},
            built=built,
            now=self.clock(),
            renamed_code=self._renamed_code(tables.values()),
            broken=_with_owners(broken),
        )

    def _looked_at(self, selected: Iterable[AssetKey]) -> set[AssetKey]:
        """The selected assets, their inputs, and the tables that their checks read."""
        keys = set(selected)
        for key in tuple(keys):
            suite = self.project.suite(key)
            keys |= self.project.assets[key].upstreams | suite.references | suite.published
        return keys

    def _standing(
        self, selected: Iterable[AssetKey], keys: set[AssetKey]
    ) -> tuple[
        dict[AssetKey, Table],
        dict[AssetKey, tuple[VerdictRecord, ...]],
        dict[AssetKey, AssetKey],
        dict[AssetKey, LakeError],
    ]:
        """The tables and their verdicts under today's names, the tables that still have an old name, and those that
        cannot be read.
        """
        olds = {key: old for key in selected if (old := self.project.assets[key].renamed_from)}
        looked = self.catalog.look(keys | set(olds.values()))
        loaded, broken = dict(looked.tables), dict(looked.broken)
        broken |= {key: broken[old] for key, old in olds.items() if key not in loaded and old in broken}
        renames = {key: old for key, old in olds.items() if key not in loaded and old in loaded}
        verdicts = _under_new_names(dict(self.ledger.latest({k: t.snapshots for k, t in loaded.items()})), renames)
        tables = _under_new_names(loaded, renames)
        ruled = {key: tuple(replace(one, asset=key) for one in all_) for key, all_ in verdicts.items()}
        return tables, ruled, renames, broken

    def external_scans(self, asset: Asset, facts: Facts) -> dict[TableKey, Scan]:
        """The tables of other catalogs that it reads, pinned as the facts found them; AssetError for one without."""
        scans: dict[TableKey, Scan] = {}
        for key in sorted(asset.external):
            found = facts.externals[key]
            if found.table is None or found.main is None:
                raise AssetError(f"{asset.key}: {found.fault}", hint=found.hint, asset=asset.key)
            scans[key] = self.externals.scan(found.table, found.main)
        return scans

    def _rekeyed(self, key: AssetKey, table: Table | None, verdicts: Sequence[VerdictRecord]) -> Rekeyed | None:
        """How the asset's key has changed, by the stored text of the code that made what is published. None where the
        key is the same, or unknown.
        """
        asset, stands = self.project.assets[key], published(table, verdicts)
        if stands is None or stands.code_version in {asset.code_version, ""} or not asset.source:
            return None
        source = self.ledger.code(stands.code_version)
        if source is None or (before := key_in(source)) == asset.primary_key:
            return None
        return Rekeyed(before, alone=fingerprint(rekeyed(source, asset.primary_key)) == fingerprint(asset.source))

    def _found_files(self, selected: Iterable[AssetKey]) -> dict[AssetKey, tuple[FoundFile, ...]]:
        """The files that the sources of these assets match now. Several sources are searched at the same time."""
        sources = {key: files for key in selected if (files := self.project.assets[key].files)}
        if not sources:
            return {}
        with ThreadPoolExecutor(thread_name_prefix="source") as pool:
            return dict(zip(sources, pool.map(self.find_files, sources.values()), strict=True))

    def _landing(self, key: AssetKey, found: Sequence[FoundFile], table: Table | None, *, anew: bool) -> Landing:
        """Which files land. The snapshots of main say what has landed, never the ledger."""
        source = self.project.assets[key].files
        assert source is not None, "only what has a source was looked for"
        name = landed_set(table)
        before = self._sidecar(table, name, from_json) if table and name else ()
        return (to_land_again if anew else to_land)(found, before, source.once)

    def built(self, table: Table, snapshot_id: int | None) -> Mapping[str, partition_plan.Built] | None:
        """The partitions in time that a snapshot holds. None when it was partitioned in another way."""
        asset = self.project.assets.get(table.key)
        name = partition_plan.partition_set(table, snapshot_id) if asset and asset.timeline else ""
        if not asset or not asset.timeline or not name:
            return None
        return self._sidecar(table, name, partial(partition_plan.from_json, timeline=asset.timeline))

    def _sidecar(self, table: Table, name: str, parse: Callable[[str], Parsed]) -> Parsed:
        """What a sidecar says; LakeError when it is gone or damaged."""
        try:
            return parse(self.catalog.read_sidecar(table, name))
        except (ValueError, LookupError, TypeError) as error:
            raise LakeError(
                f"{table.key}: {name}, which says what main's rows came from, is damaged ({type(error).__name__})",
                hint="restore the table's metadata folder from a copy",
                asset=table.key,
            ) from error

    def _renamed_code(self, tables: Iterable[Table]) -> dict[str, str]:
        """Code versions that differ although the code is the same.

        1. Those of another fingerprint algorithm, computed again from the stored text: a new algorithm must not rebuild
           the lake.
        2. Those of a salt that is not set here: looking needs no secret.
        """
        renamed = {}
        for table in tables:
            made = provenance_of(table.published.summary) if table.published else None
            unsalted = bool(made and made.salt and not self._is_salted(table.key))
            if made and (made.fingerprint != ALGORITHM or unsalted) and (source := self.ledger.code(made.code_version)):
                renamed[made.code_version] = fingerprint(salted(source, "") if unsalted else source)
        return renamed

    def _is_salted(self, key: AssetKey) -> bool:
        asset = self.project.assets.get(key)
        return asset is not None and bool(asset.salt)

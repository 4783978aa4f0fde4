"""The tables of docs/performance.md, each a pure function of one measurement in bench/results.json.

A measurement without a function of its own gets a plain list of its figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
FEW_DIGITS = 100
# What every measurement carries beside its figures; told above the table.
ABOUT = ("machine", "python", "measured_at")


def table(name: str, result: Result) -> str:
    """Give what the page shows of a measurement: a line about where and when, and a table."""
    about = f"Measured {result['measured_at'][:10]} on {result['machine']}, Python {result['python']}."
    return f"{about}\n\n{_TABLES.get(name, _plain)(result)}"


def _rows(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _number(value: float) -> str:
    """Write a figure with two or three digits that matter; large ones with separators."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == int(value) or abs(value) >= FEW_DIGITS:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def _ms(value: float) -> str:
    return f"{_number(value)} ms"


def _latency(result: Result) -> str:
    order, bare, ratio = result["frame_to_order_ms"], result["bare_order_ms"], result["ratio"]
    shown = [("**frame → order bytes**", order)]
    shown += [(f"of which: {name}", each) for name, each in result["stages_ms"].items()]
    shown += [("bare python-binance order, the floor", bare)]
    rows = [(name, _ms(each["p50"]), _ms(each["p99"])) for name, each in shown]
    rows.append(("**ratio to the floor**", f"{_number(ratio['p50'])} ×", f"{_number(ratio['p99'])} ×"))
    seen, together = result["boundary_to_accepted_ms"], result["entries_of_a_batch"]
    rows.append(("the venue's own view: candle boundary → accepted", _ms(seen["p50"]), _ms(seen["p99"])))
    return (
        f"{_rows(('', 'p50', 'p99'), rows)}\n\n"
        f"{result['entries']} entries of {result['workers']} workers, {together['p50']} of a batch (at most "
        f"{together['max']}), not sent: {result['not_sent']}; {result['bare_orders']} bare orders, p90 "
        f"{_ms(bare['p90'])}. {_load(result)}"
    )


def _memory(result: Result) -> str:
    slopes = result.get("slope_mib_per_hour", {})
    ordered = sorted(result["by_process_mib"].items(), key=lambda each: -each[1])
    rows = [(name, f"{mib:.1f}", *_slope(slopes.get(name))) for name, mib in ordered]
    rows.append(("**sum**", f"**{result['total_mib']:.1f}**", *_slope(slopes.get("total"))))
    said = ""
    if "minutes" in result:
        said = (
            f"\n\n{_number(result['minutes'])} minutes, {result['trades']:,} trades closed; largest sum "
            f"{result['largest_total_mib']:.1f} MiB ({result['largest_total_mib'] * 1.048576:.1f} MB), "
            f"{result['above_limit_part']:.1%} of the readings above the bar; "
            f"Python processes of others: {result['strangers']}."
        )
    return _rows(("process", "MiB", "MiB an hour (95 %)", "grows"), rows) + said


def _slope(slope: Result | None) -> tuple[str, str]:
    if slope is None:
        return ("", "")
    growth = f"{slope['per_hour']:+.2f} ({slope['low']:+.2f} … {slope['high']:+.2f})"
    return growth, "not told from 0" if slope["contains_zero"] else ("yes" if slope["low"] > 0 else "shrinks")


def _kills(result: Result) -> str:
    slowest_first = sorted(result["back_s"].items(), key=lambda each: -each[1])
    rows = [(name, f"{seconds:.2f} s") for name, seconds in slowest_first]
    rows.append(("everything", f"ready {result['ready_again_s']:.1f} s after the next start"))
    return (
        f"{_rows(('killed', 'running again after'), rows)}\n\n"
        f"{result['closed']} trades closed meanwhile; violations: {len(result['violations'])}; "
        f"left running after the supervisor was killed: {result['left_after_supervisor_was_killed']}; "
        f"longest without protection {result['longest_unprotected_s']:.1f} s."
    )


def _protection(result: Result) -> str:
    kinds = [(name, each) for name, each in result.items() if isinstance(each, dict) and "trades" in each]
    return _rows(
        ("protection", "trades", "after the entry's fill, longest", "whole life, p99", "whole life, longest"),
        [
            (name, each["trades"], *(f"{each[part]:.3f} s" for part in _GAPS))
            for name, each in kinds
            if name != "all"
        ],
    )


_GAPS = ("after_entry_longest_s", "whole_p99_s", "whole_longest_s")


def _kill_switch(result: Result) -> str:
    return _rows(
        (
            "pulled by",
            "open trades",
            "state committed",
            "last entry at the venue",
            "everything sold",
            "answered",
        ),
        [
            (way, each["open_trades"], *(_after(each[part]) for part in _MOMENTS))
            for way, each in result.items()
            if isinstance(each, dict) and "halted_ms" in each
        ],
    )


def _after(ms: float) -> str:
    return f"after {ms:,.0f} ms" if ms >= 0 else "before it was pulled"


_MOMENTS = ("halted_ms", "last_entry_ms", "flat_ms", "answered_ms")


def _market(result: Result) -> str:
    workers = result["workers"]
    closed, fees, pnl = (sum(each[name] for each in workers) for name in ("closed", "fees", "pnl"))
    fills = f"{result['fills']} / {result['venue_fills']}"
    differ = f"{len(result['ledger_differences'])} of {result['assets_compared']}"
    return _rows(
        (
            "trades closed",
            "PnL after fees",
            "of which fees",
            "fills here / at the venue",
            "assets that differ",
        ),
        [(closed, f"{pnl:.2f} USDT", f"{fees:.2f} USDT", fills, differ)],
    )


def _stored(result: Result) -> str:
    sizes = result["by_trades"]
    names = list(next(iter(sizes.values()))["ms"])
    rows = [
        (
            name.replace("_", " "),
            *(_ms(each["ms"][name]) for each in sizes.values()),
            f"{_number(result['ratio'][name])} ×",
        )
        for name in names
    ]
    exports = [each["export"] for each in sizes.values()]
    rows.append(("export of all as CSV", *(f"{_number(each['seconds'])} s" for each in exports), ""))
    rows.append(("memory that it adds", *(f"{_number(each['extra_mib'])} MiB" for each in exports), ""))
    heads = [f"{int(size):,}" for size in sizes]
    return _rows(("stored trades", *heads, "last ÷ first"), rows)


def _turns(result: Result) -> str:
    tables = []
    for name, said in (("turn_ms", "Nothing is entered:"), ("turn_with_entries_ms", "Twenty are entered:")):
        sizes = result[name]
        workers = list(next(iter(sizes.values())))
        rows = [
            (f"{int(symbols):,}", *(_ms(sizes[symbols][count]) for count in workers))
            for symbols in sorted(sizes, key=int)
        ]
        tables.append(
            f"{said}\n\n{_rows(('symbols', *(f'{int(count):,} workers' for count in workers)), rows)}"
        )
    compared = [
        (f"{said} {kept}", f"{_number(each)} ×", f"{_number(result['bars'][name])} ×")
        for name, said, unit in _MORE
        for kept, each in ((f"{count} {unit}", each) for count, each in _by_size(result["ratio"][name]))
    ]
    return "\n\n".join([*tables, _rows(("more", "costs", "may cost"), compared), _load(result)])


def _by_size(figures: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(figures.items(), key=lambda each: int(each[0]))


_MORE = (
    ("workers_1000_to_100", "1,000 workers ÷ 100,", "symbols"),
    ("symbols_400_to_50", "400 symbols ÷ 50,", "workers"),
)


def _growth(result: Result) -> str:
    kinds = (
        ("turn_ms", "turn"),
        ("turn_with_entries_ms", "turn with 20 entries"),
        ("watchdog_round_ms", "watchdog's round, nothing open"),
    )
    rows = [
        (f"{said}, {int(stored):,} stored", _ms(each["full"]), _ms(each["empty"]), f"{each['ratio']:.2f} ×")
        for name, said in kinds
        for stored, each in result[name].items()
    ]
    return f"{_rows(('', 'full', 'empty', 'full ÷ empty'), rows)}\n\n{_load(result)}"


def _load(result: Result) -> str:
    return f"Load average of the machine meanwhile: {_number(result['load_1m'])}."


def _stream_cost(result: Result) -> str:
    return _rows(
        ("messages a second", "bare reader", "feed", "ratio", "last values wrong"),
        [
            (
                _number(result["messages_per_s"]),
                f"{_number(result['bare_us'])} µs",
                f"{_number(result['feed_us'])} µs",
                "{:.2f} × ({:.2f} … {:.2f})".format(result["ratio"], *result["ratios"]),
                result["last_values_wrong"],
            )
        ],
    )


def _stream_load(result: Result) -> str:
    ages = [
        (f"age, {name} fifth: p50 / p99", f"{_ms(age['p50'])} / {_ms(age['p99'])}")
        for name, age in (("first", result["age_ms_first"]), ("last", result["age_ms_last"]))
    ]
    return _rows(
        ("figure", "value"),
        [
            ("seconds", _number(result["seconds"])),
            ("symbols", result["symbols"]),
            ("messages a second", _number(result["messages_per_s"])),
            *ages,
            ("share of one core", f"{result['core_used']:.1%}"),
            ("last values wrong", result["last_values_wrong"]),
        ],
    )


def _stream_uptime(result: Result) -> str:
    keys = {"up": "**up**", "market_up": "market", "user_stream_up": "user stream", "fresh": "fresh"}
    rows = [
        (f"{name}, {said}", f"{100 * result[part][key]:.3f} %")
        for part, said in (("with_cuts", "a cut a minute"), ("whole", "with all else"))
        for key, name in keys.items()
    ]
    rows.append(("candles missing", str(result["candles_missing"])))
    rows.append(("struck nothing", ", ".join(result["unnoticed"]) or "none"))
    for kind, back in sorted(result["back_s"]["by_kind"].items()):
        rows.append((f"longest until back: {kind}", f"{max(back):.2f} s of {len(back)}"))
    about = f"{_number(result['minutes'])} minutes, {result['symbols']} symbols"
    return _rows(("figure", "value"), rows) + (f"\n\n{about}, a cut every {_number(result['period_s'])} s.")


def _acceptance(result: Result) -> str:
    calm, mischief = result["calm"], result["mischief"]
    rows = [
        (each["id"], each["criterion"], each["target"], _verdict(each), _verdict(other))
        for each, other in zip(calm["criteria"], mischief["criteria"], strict=True)
    ]
    seen = [f"{name}: {_seen_outside(run)}" for name, run in (("calm", calm), ("mischief", mischief))]
    header = ("id", "criterion", "target", "calm", "under mischief")
    about = f"{_number(result['minutes'])} minutes each, seed {result['seed']}."
    return "\n\n".join([_rows(header, rows), about, *seen])


def _verdict(row: Result) -> str:
    missing = f" (missing: {row['missing']})" if row["missing"] else ""
    return f"**{row['verdict']}**: {row['measured']}{missing}"


def _seen_outside(run: Result) -> str:
    acts = ", ".join(f"{number} {kind}" for kind, number in sorted(run["acts"].items())) or "none"
    return (
        f"acts {acts}; {run['entries']} entries, {run['closed']} trades closed; without protection by the "
        f"venue's ledger {_number(run['unprotected_s'])} s in all, {_number(run['longest_unprotected_s'])} s "
        f"at most; resumed {run['resumed']} times; violations: {'; '.join(run['violations']) or 'none'}."
    )


def _surface(result: Result) -> str:
    pages = [
        (name, _ms(each["lcp_ms"]), _ms(each["worst_lcp_ms"]), f"{_number(each['transferred_kib'])} KiB")
        for name, each in result["pages"].items()
    ]
    prices = result["prices"]
    said = (
        f"A price, from the feed to the frame that shows it: p50 {_ms(prices['p50_ms'])}, p99 "
        f"{_ms(prices['p99_ms'])} ({prices['symbols']} symbols, {_number(prices['painted_a_second'])} "
        f"painted a second); main thread busy {prices['main_thread_busy']:.0%}. {_load(result)}"
    )
    head = (f"{result['stored_trades']:,} trades stored", "largest paint", "worst", "transferred")
    return f"{_rows(head, pages)}\n\n{said}"


def _onlookers(result: Result) -> str:
    kinds = (("alone", result["alone"]), (f"{result['dashboards']} dashboards", result["watched"]))
    rows = [(name, str(each["entries"]), _ms(each["p50_ms"]), _ms(each["p99_ms"])) for name, each in kinds]
    ratio, web, messages = result["ratio"], result["web_mib"], result["messages"]
    rows.append(("ratio", "", f"{ratio['p50_ms']:.2f} ×", f"{ratio['p99_ms']:.2f} ×"))
    said = (
        f"{_number(result['minutes'])} minutes; each page got {_number(result['kib_a_second'])} KiB a second "
        f"in {messages['of_a_page']:,.0f} messages, one that never answers {messages['asleep']} in all; web "
        f"{web['first']:.0f} MiB at first, at most {web['most']:.0f}. {_load(result)}"
    )
    return f"{_rows(('frame → order bytes', 'entries', 'p50', 'p99'), rows)}\n\n{said}"


def _lighthouse(result: Result) -> str:
    names = list(next(iter(result["pages"].values())))
    rows = [(page, *(_number(each[name]) for name in names)) for page, each in result["pages"].items()]
    return f"{_rows(('', *(name.replace('-', ' ') for name in names)), rows)}\n\n{_load(result)}"


def _exporting(result: Result) -> str:
    waits = result["others_wait_ms"]
    rows = [
        (f"{result['rows']:,} trades as CSV through the admin", f"{_number(result['seconds'])} s"),
        ("memory that it adds to web, at most", f"{_number(result['extra_mib'])} MiB"),
        ("another page meanwhile: p50 / longest", f"{_ms(waits['p50'])} / {_ms(waits['most'])}"),
        (
            "imported elsewhere and exported again",
            "same bytes" if result["same_elsewhere"] else "other bytes",
        ),
        ("there and back", f"{_number(result['there_and_back_s'])} s"),
    ]
    return f"{_rows(('figure', 'value'), rows)}\n\n{_load(result)}"


def _newcomer(result: Result) -> str:
    rows = [
        (step, f"after {seconds:.1f} s" if seconds is not None else "not in three minutes")
        for step, seconds in result["steps_s"].items()
    ]
    return f"{_rows(('step', 'since the start'), rows)}\n\n{_load(result)}"


def _plain(result: Result) -> str:
    return _rows(("figure", "value"), [(name, value) for name, value in _flat(result) if name not in ABOUT])


def _flat(result: Result, above: str = "") -> Iterable[tuple[str, str]]:
    for key, value in result.items():
        name = f"{above} · {key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif isinstance(value, list | tuple):
            if value and all(isinstance(each, Mapping) for each in value):
                for place, each in enumerate(value, 1):
                    yield from _flat(each, f"{name} {place}")
            else:
                yield name, f"{len(value)} values" if len(value) > 10 else ", ".join(map(_number, value))
        else:
            yield name, _number(value)


_TABLES: Mapping[str, Callable[[Result], str]] = {
    "latency": _latency,
    "memory": _memory,
    "kills": _kills,
    "protection": _protection,
    "kill_switch": _kill_switch,
    "candles": _market,
    "ticks": _market,
    "stored": _stored,
    "turns": _turns,
    "growth": _growth,
    "stream_cost": _stream_cost,
    "stream_load": _stream_load,
    "stream_uptime": _stream_uptime,
    "acceptance": _acceptance,
    "surface": _surface,
    "onlookers": _onlookers,
    "lighthouse": _lighthouse,
    "exporting": _exporting,
    "newcomer": _newcomer,
}

"""`assay rules`: what the rounds demand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rules.errors import Exit, UsageError, unknown

if TYPE_CHECKING:
    from rules.ruleset import RuleSet

app = typer.Typer(no_args_is_help=True, help="Show, explain and check the rules of the rounds.")


@app.command("list")
def list_(
    round_: Annotated[str, typer.Option("--round", metavar="ROUND", help="A round, e.g. assay/1.0.")] = "assay/1.0",
) -> None:
    """List the rounds and the rules of one."""
    from rules.round import rulesets
    from rules.ruleset import load

    chosen = load(round_)
    sys.stdout.write(f"rounds: {', '.join(rulesets())}\n{chosen.name} ({chosen.title}), rules:\n")
    for card in sorted(chosen.cards.values(), key=lambda card: (card.clause, card.id)):
        sys.stdout.write(f"  §{card.clause:<4} {card.id:<30} {card.severity:<8} {card.title}\n")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A rule's id or a round.")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="The round of a rule; else the newest that has it.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A round as Markdown: docs/rules.md.")] = False,
) -> None:
    """Show what a rule demands, or all rules of a round."""
    from checker.explain.cards import demands, reference
    from checker.families import family_of
    from rules.round import rulesets
    from rules.ruleset import load

    if name in rulesets() and markdown:
        sys.stdout.write(reference(load(name), family_of(name)))
        return
    cards = load(name).cards.values() if name in rulesets() else [_rule(name, round_).card(name)]
    for card in cards:
        sys.stdout.write(f"{card.id}  §{card.clause}  {card.severity}  {card.title}\n")
        sys.stdout.writelines(f"    {line}\n" for line in demands(card))


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A rule's id, as findings name it.")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="The round of the rule; else the newest that has it.")
    ] = None,
) -> None:
    """Explain a rule: clause, fix, an example that passes and one that fails; without --round, which rounds have it."""
    from checker.explain.cards import explained
    from checker.families import family_of

    chosen = _rule(rule, round_)
    sys.stdout.write(explained(chosen, chosen.card(rule), family_of(chosen.name)))


def _rule(name: str, round_: str | None) -> RuleSet:
    """Return the round whose rule `name` is meant: the one given, or the newest that has it, and say which have."""
    from rules.known_rounds import newest_first, spans
    from rules.round import rulesets
    from rules.ruleset import load

    having = [of for of in newest_first(rulesets()) if name in load(of).cards]
    if round_ is not None and (having or round_ not in rulesets()):
        chosen = load(round_)
        if name not in chosen.cards:
            fix = f"add --round {having[0]}, or leave it out"
            raise UsageError(f"{round_} has no rule {name!r}: {spans(having)} have it", fix=fix)
        return chosen
    if not having:
        raise unknown("rule or round", name, {*rulesets(), *(rule for of in rulesets() for rule in load(of).cards)})
    if len(having) > 1:
        sys.stdout.write(f"a rule of {spans(having)}; as {having[0]} has it (--round ROUND: as another has it)\n")
    return load(having[0])


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A round, e.g. mlperf-training/5.1.")],
    after: Annotated[str, typer.Argument(help="The round to compare it with, e.g. mlperf-training/6.0.")],
) -> None:
    """Say in plain words what changed between two rounds."""
    from checker.explain.difference import changed_cards
    from checker.families import family_of
    from rules.ruleset import load

    old, new = load(before), load(after)
    if old.series != new.series:
        raise UsageError(f"{before} and {after} are rounds of other kinds", fix="give two rounds of one suite")
    lines = [*family_of(after).differences(before, after), *changed_cards(old.cards, new.cards)]
    sys.stdout.writelines(f"{line}\n" for line in lines or ["nothing changed"])


@app.command()
def coverage(
    round_: Annotated[str, typer.Option("--round", metavar="ROUND", help="A round, e.g. assay/1.0.")] = "assay/1.0",
) -> None:
    """Show each clause of a round's rules document with the rules that look at it, and those none does."""
    from checker.explain.coverage import clauses
    from checker.families import family_of
    from rules.ruleset import load

    chosen = load(round_)
    sys.stdout.write(f"{chosen.name}, clauses of {chosen.document}\n")
    known = list(clauses(chosen))
    for clause in known:
        cited = ", ".join(card.id for card in clause.cards)
        none = f"- no rule: {clause.beyond}" if clause.beyond else "- no rule"
        sys.stdout.write(f"  §{clause.number:<6} {clause.title}: {cited or none}\n")
    covered, beyond = sum(bool(clause.cards) for clause in known), sum(bool(clause.beyond) for clause in known)
    sys.stdout.write(f"{covered} of {len(known)} clauses have a rule")
    sys.stdout.write(f"; {beyond} of the others ask nothing that files can show\n" if beyond else "\n")
    sys.stdout.writelines(f"{line}\n" for line in family_of(chosen.name).beyond_clauses(chosen))


@app.command()
def schemas() -> None:
    """Write the documents' JSON Schemas, rules/schemas/*.json, from their models."""
    from rules.schemas import export

    for path in export():
        sys.stdout.write(f"{path}\n")


@app.command()
def lint() -> None:
    """Check every round's files: members, expressions, checks, units, clauses; say each mistake with its place."""
    from checker.explain.lint import mistakes
    from checker.families import family_of

    found = list(mistakes(family_of))
    for mistake in found:
        sys.stdout.write(f"{mistake}\n")
    if found:
        raise typer.Exit(Exit.FINDINGS)
    sys.stdout.write("rules: no mistake found\n")

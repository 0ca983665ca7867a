#!/usr/bin/env python3
"""Makes Markdown tables of a results.tsv: one per row, medians with the
smallest and largest value, and Carrel's share of the floor and of QEMU.

usage: table.py RESULTS
"""
import statistics
import sys

FLOORS = ('minivmm', 'native')
HIGHER_IS_BETTER = ('MB/s', 'IOPS')


def number(value):
    return f'{value:,.0f}' if value >= 100 else f'{value:,.1f}'


def cell(values):
    if not values:
        return '-'
    middle = number(statistics.median(values))
    if len(values) == 1 or min(values) == max(values):
        return middle
    return f'{middle} ({number(min(values))}..{number(max(values))})'


def ratio(results, whom, unit):
    """Carrel against the best of some programs."""
    medians = [statistics.median(results[p]) for p in results
               if p.startswith(whom)]
    if not medians or 'carrel' not in results:
        return '-'
    best = max(medians) if unit in HIGHER_IS_BETTER else min(medians)
    mine = statistics.median(results['carrel'])
    return f'{mine / best:.2f}' if best else '-'


def table(row, metrics):
    programs = []
    for results, _ in metrics.values():
        programs += [p for p in results if p not in programs]
    print(f'\n### {row}\n')
    print(f'| | unit | {" | ".join(programs)} | carrel / floor '
          '| carrel / QEMU |')
    print('|---|---' + '|--:' * (len(programs) + 2) + '|')
    for metric, (results, unit) in metrics.items():
        cells = ' | '.join(cell(results.get(p)) for p in programs)
        print(f'| {metric} | {unit} | {cells} '
              f'| {ratio(results, FLOORS, unit)} '
              f'| {ratio(results, ("qemu",), unit)} |')


def main():
    rows = {}
    with open(sys.argv[1], encoding='utf-8') as f:
        for line in f:
            row, metric, program, _, value, unit = line.rstrip('\n').split(
                '\t')
            results, _ = rows.setdefault(row, {}).setdefault(
                metric, ({}, unit))
            results.setdefault(program, []).append(float(value))
    for row, metrics in rows.items():
        table(row, metrics)


if __name__ == '__main__':
    main()

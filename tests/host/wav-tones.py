#!/usr/bin/env python3
"""wav-tones.py FILE HZ:MIN-MAX... - the tones in a WAV file, in order.
   wav-tones.py --one FILE HZ:MIN-MAX - at least one of its tones is this.

Each is a stretch that is loud, with at least 0.2 s of silence on both sides;
its frequency is that of the middle half of the distances between upward
crossings of the mean, and has to be HZ within one percent, its length between
MIN and MAX seconds. Prints what it found; status 1 when it is not that.
"""
import array
import statistics
import sys
import wave

WINDOW = 0.005   # seconds looked at together
GAP = 0.2        # of silence, that ends a tone
LOUD = 300       # of 32767


def read(path):
    with wave.open(path) as w:
        assert w.getsampwidth() == 2 and w.getnchannels() == 2, 'not S16 stereo'
        samples = array.array('h', w.readframes(w.getnframes()))
        return samples[0::2], w.getframerate()


def stretches(left, rate):
    step = int(rate * WINDOW)
    begin = end = None
    for i in range(0, len(left), step):
        piece = left[i:i + step]
        if max(piece) - min(piece) > LOUD:
            begin = i if begin is None else begin
            end = i + len(piece)
        elif begin is not None and i - end > rate * GAP:
            yield begin, end
            begin = None
    if begin is not None:
        yield begin, end


def frequency(left, rate):
    middle = statistics.fmean(left)
    at = []
    for i in range(1, len(left)):
        a, b = left[i - 1] - middle, left[i] - middle
        if a < 0 <= b:
            at.append(i - b / (b - a))
    gaps = sorted(b - a for a, b in zip(at, at[1:]))
    quarter = len(gaps) // 4
    return rate / statistics.fmean(gaps[quarter:len(gaps) - quarter])


def fits(seconds, hz, text):
    want, _, limits = text.partition(':')
    low, _, high = limits.partition('-')
    return (abs(hz / float(want) - 1) < 0.01 and
            float(low) <= seconds <= float(high))


def main():
    one = sys.argv[1] == '--one'
    path, *wanted = sys.argv[1 + one:]
    left, rate = read(path)
    found = [((e - b) / rate, frequency(left[b:e], rate))
             for b, e in stretches(left, rate) if e - b > rate * 0.05]
    for seconds, hz in found:
        print(f'{hz:.1f} Hz for {seconds:.3f} s')
    if one:
        good = any(fits(s, hz, wanted[0]) for s, hz in found)
    else:
        good = len(found) == len(wanted) and all(
            fits(s, hz, text) for (s, hz), text in zip(found, wanted))
    if not good:
        print('wanted:', *wanted)
    return 0 if good else 1


sys.exit(main())

"""Numbers and names in sentences."""

from ddrlib.book.words import beside, listed, percents, powers, span, words
from ddrlib.measure.intervals import Interval


def test_numbers_side_by_side_have_equally_many_decimals():
    assert listed([0.17649, 0.5]) == "0.176, 0.500"
    assert listed([56.72, 0.5]) == "56.72, 0.50"
    assert listed([1570.4, 89]) == "1,570, 89"
    assert listed(iter([3, 4])) == "3, 4" and listed([]) == "none"


def test_shares_are_given_in_per_cent():
    assert percents([1, 0.344, 0.5]) == "34–100%" and percents([]) == "none"
    assert percents([0.344, 0.336]) == "34%"


def test_a_span_runs_from_the_smallest_to_the_largest():
    assert span([0.1823, 0.1418, 0.1724]) == "0.142–0.182"
    assert span([2000, 2000]) == "2,000" and span(iter([0.5])) == "0.500" and span([]) == "none"
    assert span([26.871, 26.869]) == "26.87" and span([0.5, -1.5]) == "-1.50 to 0.50"
    assert span([0.576], [1.85]) == "0.58"


def test_names_are_joined_as_in_a_sentence():
    assert words(["blur"]) == "blur" and words([]) == "none"
    assert words(["blur", "noise", "JPEG"]) == "blur, noise and JPEG"
    assert words(name for name in ("blur", "noise")) == "blur and noise"


def test_intervals_that_touch_are_not_clearly_different():
    low, middle, high = (Interval(x, x - 1, x + 1, 9) for x in (0.0, 2.0, 4.5))
    assert beside(high, low) == "higher" and beside(low, high) == "lower"
    assert beside(low, middle) == beside(middle, low) == "not clearly different"


def test_powers_of_ten_are_written_as_such():
    assert powers("differs by 2e-07 of it") == "differs by 2 × 10⁻⁷ of it"
    assert (
        powers(f"{0.0:.0e}, {1.5e12:.1e}") == "0, 1.5 × 10¹²" and powers("dat2e-07x") == "dat2e-07x"
    )

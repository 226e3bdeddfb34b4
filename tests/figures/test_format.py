import pytest

from pruneviz.figures.kit import format as fmt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fmt.percent(0.98214285), "98.2 %"),
        (fmt.percent(1.0), "100.0 %"),
        (fmt.share(0.0), "0 %"),
        (fmt.share(0.001), "< 1 %"),
        (fmt.share(0.9999), "> 99 %"),
        (fmt.share(1.0), "100 %"),
        (fmt.points(-0.0213), "−2.1 points"),
        (fmt.points(0.004), "+0.4 points"),
        (fmt.points(-0.0001), "0.0 points"),
        (fmt.spread(0.971, 0.993), "± 1.1"),
        (fmt.plus_minus(0.0004, 2), "± < 0.01"),
        (fmt.plus_minus(0.2, 2), "± 0.20"),
        (fmt.change(100, 62), "−38 %"),
        (fmt.change(100, 100), "±0 %"),
        (fmt.change(1000, 999), "< −1 %"),
        (fmt.change(100, 138), "+38 %"),
        (fmt.change(0, 3), "new"),
        (fmt.count(950), "950"),
        (fmt.count(12_400), "12.4 k"),
        (fmt.count(1_200_000), "1.2 M"),
        (fmt.count(999_999), "1.0 M"),
        (fmt.count(4_100_000_000), "4.1 G"),
        (fmt.size(363_288), "363 kB"),
        (fmt.size(46_800_000), "46.8 MB"),
        (fmt.size(12), "12 B"),
        (fmt.milliseconds(0.4123), "0.412 ms"),
        (fmt.milliseconds(4.71), "4.71 ms"),
        (fmt.milliseconds(47.12), "47.1 ms"),
        (fmt.milliseconds(471.2), "471 ms"),
        (fmt.milliseconds(float("nan")), "–"),
        (fmt.seconds(7.2), "8 s"),
        (fmt.seconds(125), "2 min 5 s"),
        (fmt.seconds(4200), "1 h 10 min"),
        (fmt.unbroken("69.9 %"), "69.9\u00a0%"),
        (fmt.plural(1, "lock"), "1 lock"),
        (fmt.plural(1024, "channel"), "1,024 channels"),
    ],
)
def test_numbers_are_written_for_people(text: str, expected: str) -> None:
    assert text == expected

"""The headline result on real photographs and the shipped networks: lost, this test fails.

The network with global residual sorts its inputs by degradation, the one without does not: the
paper's experimental variable, and the book's strongest finding.
"""

import pytest

from ddrlib.data.photographs import load_patches
from ddrlib.measure.measurement import measure
from ddrlib.zoo.loading import load_network


@pytest.fixture(scope="module")
def deepest(tmp_path_factory):
    patches = load_patches("eval", n=30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {
            kind: measure(
                load_network(f"srresnet-{kind}-reduced-s0"), patches, layers=["RB8"], seeds=1
            )["RB8"]
            for kind in ("wgr", "wogr")
        }


def test_the_network_with_global_residual_sorts_by_degradation(deepest):
    with_residual, without = deepest["wgr"], deepest["wogr"]
    assert with_residual.variance.degradation.low > 0.1 > without.variance.degradation.high
    assert with_residual.knn_degradation.low > 0.5 > without.knn_degradation.high
    assert with_residual.chi_degradation.mean > 10 * without.chi_degradation.mean


def test_the_network_without_it_sorts_by_content(deepest):
    assert deepest["wogr"].variance.content.low > 0.5
    assert deepest["wogr"].chi_content.mean > 10 > deepest["wgr"].chi_content.mean

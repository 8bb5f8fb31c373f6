from collections.abc import Iterator

import pytest


@pytest.fixture
def eagerly(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run without tracing, which takes longer than small training runs; all but `traced` tests.

    The reduced pipeline traces all networks.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(request.node.get_closest_marker("traced") is None)
    yield
    tf.config.run_functions_eagerly(False)

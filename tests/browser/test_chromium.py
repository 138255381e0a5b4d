"""What a machine without a browser is told."""

from tests.browser.chromium import advice


def test_on_debian_the_package_is_named_and_elsewhere_playwrights_own() -> None:
    assert advice(debian=True).endswith("type: sudo apt-get install -y --no-install-recommends chromium")
    assert advice(debian=False).endswith("type: .venv/bin/playwright install --with-deps chromium")

"""What other plugins' reports are told of a result: pytest-html, allure-pytest."""

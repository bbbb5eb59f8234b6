"""What a browser complains about: nobody who uses the console should find anything in its log."""

import re
from collections.abc import Iterable

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

# Chromium writes a line of its own for most violations; this one names what was violated, and where.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  const where = `${event.sourceFile}:${event.lineNumber}`;
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${where}`);
});
"""


class Watch:
    """Collects the errors, failed requests and violations of every page of the contexts that it watches."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._contexts: list[BrowserContext] = []

    def over(self, context: BrowserContext) -> BrowserContext:
        """Watch a context and return it."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("requestfailed", self._on_failure)
        context.on("response", self._on_response)
        self._contexts.append(context)
        return context

    def expect(self, *patterns: str) -> None:
        """Take troubles that match for what the test is about."""
        self._expected += map(re.compile, patterns)

    def assert_quiet(self) -> None:
        """Fail with all troubles that nobody expected."""
        for page in self._pages():
            if not page.is_closed():
                page.evaluate("0")  # Whatever was reported before the answer has arrived with it.
        unexpected = [t for t in self.troubles if not any(e.search(t) for e in self._expected)]
        assert not unexpected, "The browser complains:\n" + "\n".join(unexpected)

    def _pages(self) -> Iterable[Page]:
        return [page for context in self._contexts for page in context.pages]

    def _on_console(self, message: ConsoleMessage) -> None:
        # Of a failed request there is a line by `_on_response` already, with method and address.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.troubles.append(f"{message.type}: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self.troubles.append(f"exception: {error.error}")

    def _on_failure(self, request: Request) -> None:
        # Whoever leaves a page ends what it was still asking for.
        if request.failure != "net::ERR_ABORTED":
            self.troubles.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.request.method} {response.url}")

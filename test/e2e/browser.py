"""Headless Chromium, driven over two pipes by the DevTools protocol: JSON with a zero byte behind each message."""

import json
import os
import shutil
import subprocess

CHROMIUM = shutil.which("chromium")
# As root there is no sandbox; in containers /dev/shm may be small.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe", "--window-size=1200,900"]


class Browser:
    """One page. `complaints` are the errors and warnings of its console and its uncaught exceptions, `requests` the addresses that it asked for."""

    def __init__(self, folder):
        self.complaints, self.requests, self.loaded, self.number, self.rest = [], [], False, 0, b""
        child_input, self.output = os.pipe()
        self.input, child_output = os.pipe()

        def as_three_and_four():
            # Above what is to be closed first, since one of them may be 3 or 4 already.
            high = os.dup2(child_input, 100), os.dup2(child_output, 101)
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        # What it leaves behind when it is killed goes where its profile is.
        environment = {**os.environ, "TMPDIR": str(folder)}
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}"]
        self.process = subprocess.Popen(command, preexec_fn=as_three_and_four, close_fds=False, stderr=subprocess.DEVNULL, env=environment)
        os.close(child_input)
        os.close(child_output)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.input)
        os.close(self.output)

    def read(self):
        """The next message."""
        while b"\0" not in self.rest:
            part = os.read(self.input, 1 << 16)
            assert part, "the browser has ended"
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def note(self, event):
        method, parameters = event.get("method"), event.get("params")
        if method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(parameters["args"])
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while (answer := self.read()).get("id") != self.number:
            self.note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path):
        self.loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self.note(self.read())

    def value(self, expression):
        """What an expression of JavaScript is, as JSON."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def middle(self, selector):
        """Where the first element that a selector finds is seen."""
        return self.value(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")

    def show(self, selector, block="start"):
        """Scrolls to it."""
        self.value(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: '{block}'}})")

    def click(self, selector):
        self.show(selector, "nearest")
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def drag(self, x, y, dx, dy):
        """With the left button down, from (x, y)."""
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + dx, y=y + dy, button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + dx, y=y + dy, button="left")

    def wheel(self, x, y, delta):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=delta)

    def type(self, selector, text):
        """In the place of what a field holds."""
        self.value(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def press_enter(self):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)

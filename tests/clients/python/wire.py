"""A cable between a client and the pod, to be cut: neither of them gets a word of it from the other."""

import os
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Wire:
    """Forwards TCP connections to the pod of CHAT_URL; none while it is cut."""

    def __init__(self):
        pod = urlsplit(os.environ["CHAT_URL"])
        self._pod = (pod.hostname, pod.port)
        self._lock = threading.Lock()
        self._is_cut = False
        self._ends = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client):
        with client, socket.create_connection(self._pod) as pod:
            with self._lock:
                if self._is_cut:
                    return
                self._ends |= {client, pod}
            back = threading.Thread(target=self._pump, args=(pod, client), daemon=True)
            back.start()
            self._pump(client, pod)
            back.join()
            with self._lock:
                self._ends -= {client, pod}

    @staticmethod
    def _pump(source, sink):
        with suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Breaks every connection, and those to come until it is mended."""
        with self._lock:
            self._is_cut = True
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        """Forwards again."""
        with self._lock:
            self._is_cut = False

    def close(self):
        """Takes no more connections."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

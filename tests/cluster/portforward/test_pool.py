"""The spare tunnel, and a pod that is replaced."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kaito.cluster.portforward import PodPort, TunnelError, TunnelPool
from kaito.errors import ForbiddenError
from tests.cluster.portforward.node import POD, Notes, echo, in_loop, node, until

NEW = PodPort(namespace="default", pod="demo-1", port=5000)


class Pool(TunnelPool):
    """A pool that counts its calls."""

    def __init__(self, served, **more):
        super().__init__(self._count_dial, self._count_locate, spare_delay=0, **more)
        self.served = served
        self.dials = []
        self.locates = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure = None

    async def _count_dial(self, address):
        self.dials.append(address)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return await self.served.dial(address)

    async def _count_locate(self):
        self.locates += 1
        return POD

    async def talk(self):
        """Open a connection, and check that it transfers bytes."""
        tunnel, notes = await self.connect(Notes)
        tunnel.write(b"hello")
        await notes.until(lambda: notes.data == b"hello")
        return tunnel, notes

    async def spare(self):
        """Wait for the spare."""
        await until(lambda: self._has_spare())
        return self._spare

    def idle(self):
        """Return whether no tunnel is being opened or about to be."""
        return self._warming is None and self._warm_timer is None


@asynccontextmanager
async def pool(pod=echo, **more):
    async with node(pod) as served, Pool(served, **more) as tunnels:
        yield tunnels


@in_loop
async def test_spare_is_used_and_replaced():
    async with pool() as tunnels:
        tunnels.warm()
        tunnels.warm()
        assert tunnels.pod is None
        for number in range(1, 4):
            spare = await tunnels.spare()
            assert len(tunnels.dials) == number
            tunnel, _ = await tunnels.talk()
            assert tunnel is spare
        assert tunnels.locates == 1
        assert tunnels.pod is POD


@in_loop
async def test_prepare_opens_a_spare():
    async with pool() as tunnels:
        await tunnels.prepare()
        spare = await tunnels.spare()
        tunnel, _ = await tunnels.talk()
        assert tunnel is spare
        tunnels.failure = TunnelError("no")
        with pytest.raises(TunnelError, match="no"):
            await tunnels.prepare()


@in_loop
async def test_first_connection_without_a_spare():
    async with pool() as tunnels:
        await tunnels.talk()
        await tunnels.spare()
        assert tunnels.dials == [POD, POD]


@in_loop
async def test_connection_waits_for_a_spare_that_is_being_opened():
    async with pool() as tunnels:
        tunnels.gate.clear()
        tunnels.warm()
        await until(lambda: tunnels.dials)
        first = asyncio.create_task(tunnels.talk())
        await asyncio.sleep(0)
        second = asyncio.create_task(tunnels.talk())
        await until(lambda: len(tunnels.dials) == 2)
        tunnels.gate.set()
        one, other = await asyncio.gather(first, second)
        assert one[0] is not other[0]


@in_loop
async def test_concurrent_connections():
    async with pool() as tunnels:
        talks = await asyncio.gather(*(tunnels.talk() for _ in range(64)))
        assert len({tunnel for tunnel, _ in talks}) == 64
        assert tunnels.locates == 1
        for tunnel, _ in talks:
            tunnel.close()


@in_loop
async def test_dead_spare_is_not_used():
    async with pool() as tunnels:
        tunnels.warm()
        spare = await tunnels.spare()
        tunnels.served.sides[0].cut()
        await spare.closed
        assert len(tunnels.dials) == 1
        tunnel, _ = await tunnels.talk()
        assert tunnel is not spare


@in_loop
async def test_spare_that_cannot_be_opened_is_not_retried():
    async with pool() as tunnels:
        await tunnels.talk()
        await tunnels.spare()
        tunnels.failure = TunnelError("no")
        await tunnels.talk()
        await until(lambda: len(tunnels.dials) == 3 and tunnels.idle())
        with pytest.raises(TunnelError, match="no"):
            await tunnels.talk()
        tunnels.failure = None
        await tunnels.talk()


@pytest.mark.parametrize("error", [TunnelError("not now"), ForbiddenError("never"), OSError(5, "network")])
@in_loop
async def test_connect_raises_the_error_and_locates_the_pod_again(error):
    async with pool() as tunnels:
        tunnels.failure = error
        with pytest.raises(type(error)) as caught:
            await tunnels.connect(Notes)
        assert caught.value is error
        assert tunnels.pod is None
        tunnels.failure = None
        await tunnels.talk()
        assert tunnels.locates == 2


@in_loop
async def test_port_that_refuses_connections():
    async def pod(side):
        await side.error(b"connect: connection refused")

    async with pool(pod) as tunnels:
        try:
            _, notes = await tunnels.connect(Notes)
        except TunnelError as exc:
            error = exc
        else:
            error = await notes.end()
    assert error.message == "connect: connection refused"
    assert isinstance(error, TunnelError)


@in_loop
async def test_timeout_of_the_network_is_passed_on():
    async with pool() as tunnels:
        tunnels.failure = TimeoutError(110, "Connection timed out")
        with pytest.raises(TimeoutError, match="Connection timed out"):
            await tunnels.connect(Notes)


# The pod is replaced


@in_loop
async def test_switch_ends_connections_to_the_old_pod():
    async with pool() as tunnels:
        _, notes = await tunnels.talk()
        spare = await tunnels.spare()
        tunnels.switch(NEW, "The pod demo-0 was replaced")
        assert tunnels.pod is NEW
        assert str(await notes.end()) == "The pod demo-0 was replaced"
        await spare.closed
        assert (await tunnels.spare()).address is NEW
        tunnel, _ = await tunnels.talk()
        assert tunnel.address is NEW
        assert tunnels.locates == 1


@in_loop
async def test_switch_to_a_pod_of_the_same_name():
    async with pool() as tunnels:
        _, notes = await tunnels.talk()
        tunnels.switch(POD)
        assert isinstance(await notes.end(), TunnelError)
        await tunnels.talk()


@in_loop
async def test_drop_locates_the_pod_for_the_next_connection():
    async with pool() as tunnels:
        _, notes = await tunnels.talk()
        await tunnels.spare()
        tunnels.drop()
        assert tunnels.pod is None
        assert str(await notes.end()) == "The pod no longer exists"
        assert tunnels.idle()
        assert tunnels.locates == 1
        await tunnels.talk()
        assert tunnels.locates == 2


@in_loop
async def test_drop_without_cut_keeps_open_connections():
    async with pool() as tunnels:
        tunnel, notes = await tunnels.talk()
        spare = await tunnels.spare()
        tunnels.drop("The pod is being deleted", cut=False)
        await spare.closed
        tunnel.write(b" again")
        await notes.until(lambda: notes.data == b"hello again")
        tunnels.drop("The pod was deleted")
        assert str(await notes.end()) == "The pod was deleted"


@in_loop
async def test_dial_that_drops_the_pod_locates_another():
    async with pool() as tunnels:

        async def dial(address):
            if tunnels.locates == 1:
                tunnels.drop("The pod was deleted")
                raise TunnelError("HTTP 404")
            return await tunnels.served.dial(address)

        tunnels._dial = dial
        await tunnels.talk()
        assert tunnels.locates == 2


@in_loop
async def test_switch_while_dialling():
    async with pool() as tunnels:
        tunnels.gate.clear()
        talk = asyncio.create_task(tunnels.talk())
        await until(lambda: tunnels.dials)
        tunnels.switch(NEW)
        tunnels.gate.set()
        tunnel, _ = await talk
        assert tunnel.address is NEW
        assert tunnels.dials[0] is POD


@in_loop
async def test_switch_while_locating():
    async with pool() as tunnels:
        located = asyncio.Event()

        async def locate():
            await located.wait()
            return POD

        tunnels._locate = locate
        talk = asyncio.create_task(tunnels.talk())
        await asyncio.sleep(0)
        tunnels.switch(NEW)
        located.set()
        tunnel, _ = await talk
        assert tunnel.address is NEW
        assert tunnels.pod is NEW


# The end


@in_loop
async def test_cancelled_connect_cancels_its_dial():
    async with pool() as tunnels:
        tunnels.gate.clear()
        talk = asyncio.create_task(tunnels.talk())
        await until(lambda: tunnels.dials)
        talk.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talk
        await until(lambda: not tunnels._dials)


@in_loop
async def test_tunnel_of_a_cancelled_connect_becomes_the_spare():
    async with pool() as tunnels:
        tunnels.gate.clear()
        connecting = asyncio.create_task(tunnels.connect(Notes))
        await until(lambda: tunnels.dials)
        (dial,) = tunnels._dials
        # Cancelled at the moment when the dial succeeds.
        dial.add_done_callback(lambda _: connecting.cancel())
        tunnels.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        spare = await tunnels.spare()
        tunnel, _ = await tunnels.talk()
        assert tunnel is spare


@in_loop
async def test_aclose_ends_everything():
    async with node(echo) as served:
        tunnels = Pool(served)
        _, notes = await tunnels.talk()
        await tunnels.spare()
        tunnels.gate.clear()
        await tunnels.talk()
        dialling = [asyncio.create_task(tunnels.talk()) for _ in range(2)]
        await until(lambda: len(tunnels.dials) == 4)
        await tunnels.aclose()
        await tunnels.aclose()
        assert str(await notes.end()) == "The tunnels were closed"
        for task in dialling:
            with pytest.raises(TunnelError):
                await task
        with pytest.raises(TunnelError, match="closed"):
            await tunnels.connect(Notes)
        tunnels.warm()
        assert not tunnels._pending()


@in_loop
async def test_unused_pool():
    async with pool():
        pass

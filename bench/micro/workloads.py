"""All workloads, by name."""

from __future__ import annotations

from bench.micro import fanout, parsers, paths, payloads, rooms, yardsticks
from bench.micro.workload import Prepare

__all__ = ["WORKLOADS"]

WORKLOADS: dict[str, Prepare] = {
    "yardstick: event": yardsticks.for_event,
    "yardstick: socket": yardsticks.for_socket,
    # An event, from the packet that the client sends to the packet that it gets.
    "echo": paths.echo,
    "echo, handler of the socket": paths.echo_on_the_socket,
    "echo, in a namespace": paths.echo_in_a_namespace,
    "echo, async": paths.echo_async,
    "echo, over WebSocket": paths.echo_over_websocket,
    "echo, binary, over WebSocket": paths.echo_binary_over_websocket,
    "ack": paths.ack,
    "ack, async": paths.ack_async,
    # The parsers.
    "decode event": parsers.decode_event,
    "decode event with id": parsers.decode_event_with_id,
    "decode event of a namespace": parsers.decode_event_of_a_namespace,
    "decode binary event": parsers.decode_binary_event,
    "decode event, MessagePack": parsers.decode_msgpack,
    "encode event": parsers.encode_event,
    "encode event with id": parsers.encode_event_with_id,
    "encode event of a namespace": parsers.encode_event_of_a_namespace,
    "encode ack": parsers.encode_ack,
    "encode binary event": parsers.encode_binary_event,
    "encode event, MessagePack": parsers.encode_msgpack,
    "join payload": payloads.join_payload,
    "split payload": payloads.split_payload,
    # The index of rooms.
    "join and leave": rooms.join_and_leave,
    "select everyone": rooms.select_everyone,
    "select a room": rooms.select_room,
    "select two rooms": rooms.select_two_rooms,
    "select all but one": rooms.select_all_but_one,
    "select all but a room": rooms.select_all_but_room,
    # The fan-out.
    "frame text": fanout.frame_text,
    "frame message": fanout.frame_message,
    "broadcast": fanout.broadcast,
    "broadcast to a room": fanout.broadcast_to_room,
    "broadcast to a room of one": fanout.broadcast_to_room_of_one,
    "broadcast to all but one": fanout.broadcast_to_all_but_one,
    "broadcast, over WebSocket": fanout.broadcast_over_websockets,
}

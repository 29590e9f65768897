"""Compiled response parsers: what botocore's parsers give, three to eight times faster on pages of EC2, IAM and Lambda.

``install`` puts them into a session; clients made from it afterwards use them, clients made before do not.  For every output
shape a plan is compiled once (``plans``, ``xml``, ``json``) and reads the bodies of successful answers; errors, streams and
whatever a plan finds odd are parsed by aiobotocore's own code.

What is parsed equals what botocore parses, with these exceptions, all on purpose:

* A successful body that cannot be read raises ``botocore.parsers.ResponseParserError``: text that is not JSON, a page of
  HTML, and an empty body where the model has members in it, which are empty answers to botocore; and bodies that do not
  fit the model, over which botocore raises whatever it stumbles on.
* Epoch seconds come in UTC, not in the zone of the machine.
* In XML, members of a structure stand in the order of the body, not of the model.
* Integers in JSON beyond 64 bits come as floats.
* Equal policy documents of IAM are one object, which is not to be changed.
"""

from typing import Any

from botocore.handlers import json_decode_policies

from collector.aws.parsers.policies import PolicyDecoder, decode_policy
from collector.aws.parsers.protocols import CompiledParserFactory
from collector.aws.parsers.timestamps import parse_timestamp

__all__ = ["CompiledParserFactory", "decode_policy", "install", "parse_timestamp"]


def install(session: Any) -> None:
    """Let all clients that this ``aiobotocore.session.AioSession`` makes from now on parse by plan.

    Uses public interfaces only: the component ``response_parser_factory``, and the event ``after-call.iam``, where botocore's
    handler that decodes policy documents gives way to one that does the same.  To do it twice changes nothing.
    """
    session.register_component("response_parser_factory", CompiledParserFactory())
    session.unregister("after-call.iam", json_decode_policies)
    session.register("after-call.iam", PolicyDecoder().after_call, unique_id="collector-decode-policies")

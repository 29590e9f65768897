from collector.services import wafv2

API = "arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"


def test_protected_stages_count_as_their_api():
    row = {
        "Balancers": {"ResourceArns": [BALANCER]},
        "Stages": {"ResourceArns": [f"{API}/stages/prod", f"{API}/stages/test"]},
    }
    assert wafv2.protected.fn(row) == [BALANCER, API]
    assert wafv2.protected.fn({}) == []


def test_rules_are_listed_without_their_statements():
    rule = {
        "Name": "header",
        "Priority": 0,
        "Statement": {"ByteMatchStatement": {"SearchString": b"s3cr3t-"}},
        "Action": {"Block": {}},
    }
    assert wafv2.rules("Rules").fn([rule]) == '[{"Action":{"Block":{}},"Name":"header","Priority":0}]'

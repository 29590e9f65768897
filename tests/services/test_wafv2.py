from collector.services import wafv2

API = "arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"


def test_stages_of_an_api_are_protected_as_the_api():
    row = {
        "Balancers": {"ResourceArns": [BALANCER]},
        "Stages": {"ResourceArns": [f"{API}/stages/prod", f"{API}/stages/test"]},
    }
    assert wafv2.guarded.fn(row) == [BALANCER, API]
    assert wafv2.guarded.fn({}) == []


def test_rules_are_told_without_what_they_look_for():
    rule = {
        "Name": "header",
        "Priority": 0,
        "Statement": {"ByteMatchStatement": {"SearchString": b"s3cr3t-"}},
        "Action": {"Block": {}},
    }
    assert wafv2.rules("Rules").fn([rule]) == '[{"Action":{"Block":{}},"Name":"header","Priority":0}]'

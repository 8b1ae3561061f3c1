"""requests and urllib, as people call them. usage: get.py requests|urllib URL"""
import sys

if sys.argv[1] == "requests":
    import requests
    answer = requests.get(sys.argv[2], timeout=30)
    print(answer.status_code, len(answer.content))
else:
    import urllib.request
    with urllib.request.urlopen(sys.argv[2], timeout=30) as answer:
        print(answer.status, len(answer.read()))

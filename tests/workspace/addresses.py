"""Addresses that must not be asked, and some that may."""

from __future__ import annotations


def words(text: str) -> list[str]:
    return text.split()


#: What every private network, cloud and tunnel looks like.
PRIVATE = words(
    """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170
192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.169.254 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1 2001::1
2001:0:4136:e378:8000:63bf:80ff:fffe 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe:: 2002:5db8:d822::1 3fff::1 5f00::1
fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fec0::1 ff02::1 2606:2800:0:0:0:5efe:7f00:1
2606:2800::200:5efe:a00:1 fe80::1%1
    """
)
ALLOWED = words(
    """
1.1.1.1 93.184.216.34 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.255.255
198.20.0.1 223.255.255.255 2606:2800:21f:cb07:6820:80da:af6b:8b2c 2a00:1450:4007::200e
::ffff:93.184.216.34 64:ff9b::5db8:d822 2001:4860:4860::8888
    """
)
#: Not addresses, odd spellings of addresses, and other ways round a check.
ODD = words(
    """
2130706433 0x7f000001 0x7f.0.0.1 017700000001 0177.0.0.1 127.1 127.0.1 127.0.0.1. 0 00 0x 0x0
0.0 127.000.000.001 1.2.3.4.5 1.2.3 256.1.1.1 3232235521 0xa9fea9fe 0251.0376.0251.0376
１２７.０.０.１ 127。0。0。1 ①②⑦.0.0.1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ localhost LOCALHOST metadata
localhost%00.example.com %31%32%37.0.0.1 ex_ample.com -a.example.com a-.example.com a..example.com
.example.com example.com. [::1 ::1] [127.0.0.1] [::ffff:7f00:1] [::] xn--a-ecp.ru
    """
)
WHOLE = (
    *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/"),
    *("https:///x", "https:example.com", "//example.com/", "example.com", "", "https://"),
    *("javascript:alert(1)", "https://user@example.com/", "https://user:pw@example.com/"),
    *("https://example.com@127.0.0.1/", "https://example.com\\@127.0.0.1/", "https://@example.com"),
    *("https://example.com:22/", "https://example.com:0/", "https://example.com:65536/"),
    *("https://example.com:4 43/", "https://example.com:-1/", "https://example.com:٤٤٣/"),
    *("https://exa mple.com/", "https://example.com/\r\nHost: x", "https://example.com/\0"),
    *("\thttps://example.com/", "https://exam\nple.com/", "https://example.com/" + "a" * 2048),
    *("https://example.com/\u2028", f"https://{'a' * 64}.com/", f"https://{'a.' * 130}com/"),
    *("https://example.com/é", "https://127.0.0.1:443#@example.com/", "http://localhost/"),
)

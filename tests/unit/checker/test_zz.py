import sys
sys.path.insert(0,'/tmp/causes')
from states import STATES
from own_test import show
def test_x(built):
    s=built()
    for n in ['{result}/result_0.txt','{result}/result_0.json','{result}/manifest.json','systems/{system}.json','{result}/sbom.cdx.json','{result}/observation_0.json']:
        p=s.path(n); good=p.read_bytes()
        for st,fn in STATES.items():
            if st in ('gzip','page','zeros','utf-16 no bom','blank'): continue
            p.write_bytes(fn(good)); show(n,st,[f for f in s.check().findings if 'attempts' not in f.rule])
        p.unlink(); show(n,'missing',[f for f in s.check().findings if 'attempts' not in f.rule])
        p.write_bytes(good)

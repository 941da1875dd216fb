import time
from tests.integration.imports.steps import *
def test_a(settings, database, tmp_path):
    for i in range(3):
        p=tmp_path/f"{i}.csv"; p.write_text(f"name,phone\nJohn Smith {i},405-555-234{i}\n")
        t=time.time(); r=import_file(settings,database,p); print(time.time()-t, counts(r))
        t=time.time(); print(checksum(database)["persons"], time.time()-t)
        assert_conserved(settings, database, r)
def test_b(settings, database, tmp_path):
    r=import_file(settings,database,SHARED_DATA/"ok_operators.csv")
    assert_conserved(settings, database, r)

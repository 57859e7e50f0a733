"""Ten questions that a visitor might ask are answered where the file says."""

import re
from html import unescape
from pathlib import Path

import pytest
import yaml
from notice_policies import FLAGSHIP, IN_2016

from troth.notice import pages

QUESTIONS = yaml.safe_load((Path(__file__).parent / "questions.yaml").read_text("utf-8"))


def words_of(address):
    page = pages.find(FLAGSHIP, address, IN_2016)
    assert page is not None, address
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.body.decode())).split())


def test_there_are_ten_questions():
    assert len(QUESTIONS) == 10
    assert len({entry["address"] for entry in QUESTIONS}) == 10


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["question"])
def test_the_page_answers(entry):
    id = entry["address"].rpartition("/")[2]
    assert entry["answer"] in words_of(entry["address"])
    assert entry["answer"] in words_of("policy")
    overview = pages.find(FLAGSHIP, "", IN_2016).body.decode()
    assert (f'id="{id}"' in overview) is entry["overview"]

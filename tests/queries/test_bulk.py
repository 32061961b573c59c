"""The same question about several submissions, and several queries closed at once."""

from django.test import Client
from django.urls import reverse

from apps.queries.models import Query
from apps.queries.services import answer, ask_each, close_each
from apps.reviews.models import ReviewCase
from tests.cast import Cast
from tests.factories import waiting_case
from tests.queries.scenes import asked, counts, thick_case, thread

QUESTION = {"subject": "The slices are thicker than the protocol allows", "text": "Is there another reconstruction?"}


def test_each_site_reads_the_question_with_what_was_found_in_its_own_scan(cast: Cast) -> None:
    cases = [thick_case(cast), thick_case(cast, chens=True)]
    bulk = ask_each(cases, **QUESTION, by=cast.anna, finding_code="slice_thickness")
    assert bulk.done == cases and bulk.refused == []
    for query, case in zip(Query.objects.order_by("pk"), cases, strict=True):
        assert query.series == case.submission.series.get(number=1)
        assert query.finding_code == "slice_thickness" and len(query.pictures) == 2
        assert thread(query)[0][1].endswith("Expected: at most 5 mm\nFound: 7.5 mm")
        assert counts(case) == (1, 0)


def test_one_that_is_refused_leaves_the_others_and_is_told(cast: Cast) -> None:
    first, second = thick_case(cast), thick_case(cast, chens=True)
    ask_each([first], **QUESTION, by=cast.anna, finding_code="slice_thickness")
    bulk = ask_each([first, second], **QUESTION, by=cast.anna, finding_code="slice_thickness")
    assert bulk.done == [second]
    ((refused, sentence),) = bulk.refused
    assert refused == first and "asked already" in sentence
    assert Query.objects.count() == 2


def test_who_may_not_ask_asks_nobody(cast: Cast) -> None:
    case = thick_case(cast)
    bulk = ask_each([case], **QUESTION, by=cast.otto, finding_code="slice_thickness")
    assert bulk.done == [] and list(bulk.by_sentence.values()) == [[case]]
    assert not Query.objects.exists()


def test_a_question_without_a_finding_is_asked_as_it_is(cast: Cast) -> None:
    ask_each([waiting_case(cast.visit, by=cast.carla)], "A question?", "As it is.", by=cast.anna)
    assert thread(Query.objects.get()) == [("question", "As it is.")]


def test_several_are_closed_and_the_unanswered_without_a_word_are_told(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    done, waits = asked(cast, case, subject="One?"), asked(cast, case, subject="Two?")
    answer(done, "Yes.", by=cast.carla)
    bulk = close_each([done, waits], by=cast.anna)
    assert bulk.done == [done]
    assert [query for query, _ in bulk.refused] == [waits]
    assert close_each([waits], by=cast.anna, text="All told.").done == [waits]
    assert counts(case) == (0, 0)


def test_the_page_lists_what_shares_a_finding_and_asks_the_ticked(cast: Cast, client: Client) -> None:
    thick, other = thick_case(cast), waiting_case(cast.chens_visit, by=cast.chen)
    client.force_login(cast.anna)
    address = f"{reverse('queries:ask-several')}?finding=slice_thickness"
    page = client.get(address).content.decode()
    assert "101-001" in page and "102-001" not in page
    assert QUESTION["subject"] in page
    answer_ = client.post(address, {**QUESTION, "case": [thick.pk, other.pk]}, follow=True)
    assert "Submissions asked about: 1." in answer_.content.decode()
    assert Query.objects.get().submission == thick.submission


def test_the_page_says_who_was_left_out_and_keeps_what_was_typed(cast: Cast, client: Client) -> None:
    case = thick_case(cast)
    ask_each([case], **QUESTION, by=cast.anna, finding_code="slice_thickness")
    client.force_login(cast.anna)
    address = f"{reverse('queries:ask-several')}?finding=slice_thickness"
    refused = client.post(address, {**QUESTION, "text": "Typed with care.", "case": [case.pk]})
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Not asked about 101-001 Week 8. This is asked already" in page and "Typed with care." in page
    nothing = client.post(address, QUESTION)
    assert nothing.status_code == 409 and "Tick the submissions" in nothing.content.decode()


def test_cases_of_other_trials_and_decided_ones_are_not_offered(cast: Cast, client: Client) -> None:
    case = thick_case(cast)
    client.force_login(cast.otto)
    assert "101-001" not in client.get(reverse("queries:ask-several")).content.decode()
    client.post(reverse("queries:ask-several"), {**QUESTION, "case": [case.pk]})
    assert not Query.objects.exists()
    ReviewCase.objects.filter(pk=case.pk).update(status=ReviewCase.Status.DECIDED)
    client.force_login(cast.anna)
    assert "101-001" not in client.get(reverse("queries:ask-several")).content.decode()


def test_the_list_closes_the_ticked(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    done, waits = asked(cast, case, subject="One?"), asked(cast, case, subject="Two?")
    answer(done, "Yes.", by=cast.carla)
    client.force_login(cast.anna)
    page = client.post(reverse("queries:close-several"), {"query": [done.pk, waits.pk, "x"]}, follow=True)
    told = page.content.decode()
    assert "Closed: 1." in told and "Not closed: 101-001 Week 8. The site has not answered." in told
    assert counts(case) == (1, 0)
    assert "Nothing is ticked" in client.post(reverse("queries:close-several"), follow=True).content.decode()

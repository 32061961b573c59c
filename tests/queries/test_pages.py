"""The list of queries, the page of one, and the fragments on the desk and on the visit."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Membership, Role
from apps.queries.models import Query
from apps.queries.selectors import Filters, listing, queries_on_the_desk
from apps.queries.services import answer, ask, close, open_for_return
from apps.reviews.models import ReviewCase
from apps.reviews.services import claim
from apps.ui import words
from tests.cast import Cast
from tests.factories import add_series, waiting_case
from tests.queries.scenes import answered, asked, days_pass, thick_case, thread
from tests.signing import decide

HTMX = {"HX-Request": "true"}


@pytest.fixture
def four(cast: Cast) -> list[Query]:
    """At Carla's site one that has waited, one answered, one closed; one at Chen's."""
    case, chens = waiting_case(cast.visit, by=cast.carla), waiting_case(cast.chens_visit, by=cast.chen)
    closed, replied = asked(cast, case, subject="Closed?"), asked(cast, case, subject="Answered?")
    fresh, waited = asked(cast, chens, subject="Fresh?"), asked(cast, case, subject="Waited?")
    close(closed, by=cast.anna, text="Done.")
    answer(replied, "Yes, 80 ml.", by=cast.carla)
    days_pass(waited, 9)
    return [waited, fresh, replied, closed]


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    return client.get(reverse(name, args=args), query).content.decode()


def test_each_state_has_a_word() -> None:
    assert set(Query.Status.values) == set(words.STATUSES["query"])


def test_what_waits_for_the_site_stands_first_the_oldest_before_all(cast: Cast, four: list[Query]) -> None:
    shown = listing(cast.anna, Filters())
    assert [row.query for row in shown.rows] == four[:3]
    assert shown.longest is not None and shown.longest.days == 9
    assert [row.last.text for row in shown.rows if row.last][2] == "Yes, 80 ml."


@pytest.mark.parametrize("who", ["anna", "mira", "carla", "chen", "otto", "root"])
def test_the_numbers_are_those_of_the_rows(cast: Cast, four: list[Query], who: str) -> None:
    person = getattr(cast, who)
    for filters in (Filters(), Filters(site=cast.site), Filters(trial=cast.trial), Filters(finding="kernel")):
        counts = listing(person, filters).counts
        for standing, number in counts.items():
            rows = listing(person, Filters(standing, filters.trial, filters.site, filters.finding)).rows
            assert len(rows) == number, (who, standing)
    everything = {"anna": 4, "mira": 4, "root": 4, "carla": 3, "chen": 1, "otto": 0}
    counts = listing(person, Filters()).counts
    assert counts["unsettled"] + counts["closed"] + counts["cancelled"] == everything[who]


def test_the_list_costs_the_same_however_long(
    cast: Cast, four: list[Query], client: Client, django_assert_num_queries: Any
) -> None:
    client.force_login(cast.anna)
    client.get(reverse("queries:list"))
    with django_assert_num_queries(11):
        client.get(reverse("queries:list"))
    for number in range(6):
        asked(cast, ReviewCase.objects.first(), subject=f"Question {number}?")
    with django_assert_num_queries(11):
        client.get(reverse("queries:list"))


def test_filters_narrow_the_list_and_what_is_not_understood_filters_nothing(
    cast: Cast, four: list[Query], client: Client
) -> None:
    client.force_login(cast.anna)
    chens = page(client, "queries:list", site=str(cast.other_site.pk))
    assert "Fresh?" in chens and "Waited?" not in chens
    assert "Closed?" in page(client, "queries:list", standing="closed")
    assert "Waited?" in page(client, "queries:list", site="999", finding="nonsense", standing="lost", page="x")


def test_a_coordinator_reads_the_thread_answers_and_gets_back_what_was_refused(cast: Cast, client: Client) -> None:
    query = asked(cast)
    client.force_login(cast.carla)
    shown = page(client, "queries:query", query.uuid)
    assert "Please ask the radiographer." in shown and "Send the answer" in shown
    assert "Send other images" not in shown, "the visit takes none while the submission is at the core lab"
    address = reverse("queries:answer", args=[query.uuid])
    refused = client.post(address, {"text": " "})
    assert refused.status_code == 409 and "Write the answer" in refused.content.decode()
    long = client.post(address, {"text": "t" * 4001})
    assert long.status_code == 409 and "t" * 4001 in long.content.decode()
    assert client.post(address, {"text": "Yes."}).url == reverse("queries:query", args=[query.uuid])
    again = client.post(address, {"text": "No."})
    assert again.status_code == 409 and "This query is answered" in again.content.decode()
    assert len(thread(query)) == 2


def test_a_return_leads_to_new_images(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    query = open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["artefacts"]))
    assert query is not None
    client.force_login(cast.carla)
    scan = f"{reverse('intake:visit', args=[cast.visit.pk])}#scan"
    assert scan in page(client, "queries:query", query.uuid)
    assert scan in page(client, "queries:of-visit", cast.visit.pk)


def test_a_manager_reads_only(cast: Cast, client: Client) -> None:
    query = answered(cast)
    client.force_login(cast.mira)
    shown = page(client, "queries:query", query.uuid)
    assert "you read only" in shown and "<textarea" not in shown
    assert 'name="query"' not in page(client, "queries:list")
    assert "Ask the site" not in page(client, "queries:of-submission", query.submission_id)


def test_attached_pictures_stand_beside_the_thread(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    series = case.submission.series.get(number=1)
    query = ask(case.submission, "This?", "See.", by=cast.anna, pictures=[(series.pk, "mip_coronal")])
    client.force_login(cast.carla)
    picture = reverse("intake:picture", args=[series.uuid, "mip_coronal"])
    assert picture in page(client, "queries:query", query.uuid)
    assert picture in page(client, "queries:of-visit", cast.visit.pk)
    assert client.get(picture).status_code == 200


def test_the_desk_offers_drafts_and_asks(cast: Cast, client: Client) -> None:
    case = thick_case(cast)
    client.force_login(cast.anna)
    address = reverse("queries:of-submission", args=[case.submission_id])
    desk = client.get(address, headers=HTMX)
    assert "HX-Request" in desk["Vary"]
    fragment = desk.content.decode()
    assert "<html" not in fragment and 'data-key="q"' in fragment
    assert "The slices are thicker than the protocol allows (Chest CT with contrast, series 1)" in fragment
    none = client.get(address, {"draft": "none"}, headers=HTMX).content.decode()
    assert "Found: 7.5 mm" in fragment and "Found: 7.5 mm" not in none
    series, required = case.submission.series.get(number=1), cast.protocol.required_series.get(slot="chest")
    told = client.post(
        reverse("queries:ask", args=[case.submission_id]),
        {
            "subject": "Thinner?",
            "text": "Is there one?",
            "about": f"{series.pk}-{required.pk}",
            "finding_code": "slice_thickness",
            "pictures": [f"{series.pk}:mid_axial"],
        },
        headers=HTMX,
    )
    assert "Asked." in told["HX-Trigger"] and "Thinner?" in told.content.decode()
    query = Query.objects.get()
    assert (query.series, query.required, query.finding_code) == (series, required, "slice_thickness")
    assert query.pictures == [{"series": series.pk, "name": "mid_axial"}]


@pytest.mark.parametrize("wrong", [{"about": "9-9"}, {"subject": ""}, {"pictures": ["9:mip_axial"]}, {"about": "x"}])
def test_a_form_that_makes_no_sense_comes_back(cast: Cast, client: Client, wrong: dict[str, Any]) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.anna)
    address = reverse("queries:ask", args=[case.submission_id])
    form = {"subject": "Thinner?", "text": "Typed with care.", "about": "0-0", **wrong}
    refused = client.post(address, form)
    assert refused.status_code == 409 and "Typed with care." in refused.content.decode()
    inside = client.post(address, form, headers=HTMX)
    assert (inside.status_code, inside["HX-Retarget"]) == (200, "#ask-form")
    assert not Query.objects.exists()


def test_closing_on_the_desk_stays_there(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    query = answered(cast, case)
    client.force_login(cast.anna)
    address, given = reverse("queries:close", args=[query.uuid]), {"place": "desk", "desk": str(case.submission_id)}
    told = client.post(address, given, headers=HTMX)
    assert "Closed." in told["HX-Trigger"] and 'id="site-questions"' in told.content.decode()
    again = client.post(address, given, headers=HTMX).content.decode()
    assert "This query is closed" in again
    other = asked(cast, case, subject="Two?")
    answer(other, "Yes.", by=cast.carla)
    plain = client.post(reverse("queries:close", args=[other.uuid]), given)
    assert plain.url == reverse("queries:of-submission", args=[case.submission_id])


def test_every_form_of_the_pages_carries_its_token(cast: Cast) -> None:
    case = thick_case(cast)
    query = answered(cast, case)
    client = Client(enforce_csrf_checks=True)
    for who, name, key in (
        ("anna", "queries:list", ()),
        ("anna", "queries:query", (query.uuid,)),
        ("anna", "queries:ask-several", ()),
        ("anna", "queries:of-submission", (case.submission_id,)),
        ("carla", "queries:of-visit", (cast.visit.pk,)),
    ):
        client.force_login(getattr(cast, who))
        shown = page(client, name, *key).partition("<main")[2].partition("</main>")[0]
        assert shown.count('method="post"') == shown.count("csrfmiddlewaretoken"), name


def test_the_desk_of_new_images_shows_what_they_answer(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    query = open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["artefacts"]))
    assert query is not None
    new = waiting_case(cast.visit, by=cast.carla).submission
    Query.objects.filter(pk=query.pk).update(answered_by_submission=new, status=Query.Status.ANSWERED)
    client.force_login(cast.anna)
    desk = client.get(reverse("queries:of-submission", args=[new.pk]), headers=HTMX).content.decode()
    assert "Answered with this submission" in desk and query.subject in desk
    told = client.post(
        reverse("queries:close", args=[query.uuid]), {"place": "desk", "desk": str(new.pk)}, headers=HTMX
    )
    assert "Answered with this submission" in told.content.decode()


def test_a_blind_second_review_sees_no_return_of_the_first(cast: Cast) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    claim(case, by=cast.anna)
    query = open_for_return(decide(case, "return_to_site", by=cast.anna, reasons=["artefacts"]))
    submission = case.submission
    assert [row.query for row in queries_on_the_desk(cast.abel, submission, case)] == [query]
    blind = ReviewCase(kind=ReviewCase.Kind.SECOND, status=ReviewCase.Status.CLAIMED, submission=submission)
    assert queries_on_the_desk(cast.abel, submission, blind) == []


def test_the_visit_asks_for_an_answer_and_takes_it(cast: Cast, client: Client) -> None:
    query = asked(cast)
    client.force_login(cast.carla)
    visit = reverse("queries:of-visit", args=[cast.visit.pk])
    assert "The core lab asks a question" in client.get(visit, headers=HTMX).content.decode()
    address, given = reverse("queries:answer", args=[query.uuid]), {"place": "visit"}
    refused = client.post(address, {**given, "text": " "}, headers=HTMX)
    assert "Write the answer" in refused.content.decode()
    told = client.post(address, {**given, "text": "Yes."}, headers=HTMX)
    assert "Answered." in told["HX-Trigger"] and "The core lab asks" not in told.content.decode()
    second = asked(cast, query.submission.cases.get(), subject="Two?")
    plain = client.post(reverse("queries:answer", args=[second.uuid]), {**given, "text": "Yes."})
    assert plain.url == reverse("intake:visit", args=[cast.visit.pk])


def test_a_visit_without_queries_says_nothing_on_the_visit_and_so_on_its_own_page(cast: Cast, client: Client) -> None:
    waiting_case(cast.visit, by=cast.carla)
    client.force_login(cast.carla)
    address = reverse("queries:of-visit", args=[cast.visit.pk])
    assert "<section" not in client.get(address, headers=HTMX).content.decode()
    assert "asks nothing about this visit" in client.get(address).content.decode()


def test_opening_the_visit_reads_the_notice(cast: Cast, client: Client) -> None:
    asked(cast)
    client.force_login(cast.carla)
    assert "Was contrast given?" in page(client, "notices:list")
    client.get(reverse("intake:visit", args=[cast.visit.pk]))
    assert cast.carla.notices.unread().count() == 0


def test_a_person_with_several_roles_has_one_way_to_the_queries(cast: Cast, client: Client) -> None:
    Membership.objects.create(user=cast.anna, role=Role.TRIAL_MANAGER, trial=cast.trial)
    client.force_login(cast.anna)
    assert page(client, "queries:list").count('data-key="g q"') == 1


def test_the_form_begins_with_no_question_about_a_series_that_is_not_used(cast: Cast, client: Client) -> None:
    case = waiting_case(cast.visit, by=cast.carla)
    scout = add_series(case.submission, number=902, description="Scout", body_part=None)
    scout.findings.create(submission=case.submission, code="no_position", severity="warn", sentence="No position.")
    client.force_login(cast.anna)
    address = reverse("queries:of-submission", args=[case.submission_id])
    told = client.get(address)
    (draft,) = told.context["drafts"]
    assert draft.series == scout and told.context["draft"] is None
    assert told.context["form"]["subject"].value() in (None, "")
    assert client.get(address, {"draft": draft.key}).context["draft"] == draft

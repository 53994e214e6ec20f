"""The questions, in the words that a rater reads. [paper: a user study; ours: which scales, their words]"""

CANNOT_TELL = "cannot tell"
POINTS = 5
SCALES = {  # scale -> (the question, the words for 1 to 5)
    "clarity": ("How clear are the hands: shapes, places, movements?",
                ("cannot be made out", "hard to make out", "can be made out with effort", "clear", "very clear")),
    "naturalness": ("How natural does the signing look?",
                    ("not like a person at all", "mostly not like a person", "in between", "mostly like a person", "like a person")),
    "meaning": ("How much of the written sentence does the clip say?",
                ("nothing, or something else", "a little", "about half", "most", "all")),
}
READINGS = {"written": "I write it down:", "signed": "I tell the organisers in sign", CANNOT_TELL: "I cannot tell"}    # how what was signed is said
DESCRIPTIONS = ("Deaf", "hard of hearing", "hearing", "in my own words")      # of raters, by themselves

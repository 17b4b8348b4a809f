//! The words of the samples. The flows themselves are exports beside the engine that runs them.

pub(super) struct Category {
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) icon: &'static str,
    pub(super) color: &'static str,
}

pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) cents: i64,
    pub(super) calls: i64,
    pub(super) per_minute: i64,
}

pub(super) struct Review {
    pub(super) author: &'static str,
    pub(super) rating: i64,
    pub(super) title: &'static str,
    pub(super) body: &'static str,
}

pub(super) struct Sample {
    pub(super) slug: &'static str,
    pub(super) category: &'static str,
    pub(super) name: &'static str,
    pub(super) tagline: &'static str,
    /// Markdown.
    pub(super) description: &'static str,
    pub(super) greeting: &'static str,
    pub(super) starters: &'static [&'static str],
    pub(super) tags: &'static [&'static str],
    /// Whether it has the free plan too.
    pub(super) free: bool,
    pub(super) reviews: &'static [Review],
}

/// In the order of the menu.
pub(super) const CATEGORIES: [Category; 4] = [
    Category {
        slug: "agents",
        title: "Agents",
        description: "Specialists that take a task from question to answer.",
        icon: "robot",
        color: "#3B82F6",
    },
    Category {
        slug: "apps",
        title: "Apps",
        description: "Ready-made connections to the tools that a team already uses.",
        icon: "grid",
        color: "#10B981",
    },
    Category {
        slug: "assistants",
        title: "Assistants",
        description: "Companions that answer questions in conversation.",
        icon: "message-circle",
        color: "#8B5CF6",
    },
    Category {
        slug: "automations",
        title: "Automations",
        description: "Work that is done when something arrives or the time has come.",
        icon: "zap",
        color: "#F59E0B",
    },
];

/// From the cheapest; the one without a price is only for samples that say so.
pub(super) const PLANS: [Plan; 4] = [
    Plan { name: "Free", description: "To get to know it, on your own page.", cents: 0, calls: 50, per_minute: 10 },
    Plan { name: "Starter", description: "For one page or a small team.", cents: 2900, calls: 1_000, per_minute: 60 },
    Plan {
        name: "Professional",
        description: "For steady traffic every day.",
        cents: 9900,
        calls: 10_000,
        per_minute: 120,
    },
    Plan {
        name: "Enterprise",
        description: "For many pages and busy hours.",
        cents: 29900,
        calls: 100_000,
        per_minute: 600,
    },
];

pub(super) const SAMPLES: [Sample; 5] = [
    Sample {
        slug: "customer-support",
        category: "agents",
        name: "Customer Support Agent",
        tagline: "Answers the questions that every shop gets: orders, delivery, returns, payment and accounts.",
        description: include_str!("customer-support.md"),
        greeting: "Hello! I can help with orders, delivery, returns, payment and your account. What is it about?",
        starters: &[
            "Where is my order?",
            "How do I return something?",
            "Which payment methods do you accept?",
            "I forgot my password",
        ],
        tags: &["support", "help desk", "shop", "returns", "faq", "chat"],
        free: true,
        reviews: &[
            Review {
                author: "Sample reviewer, online shop",
                rating: 5,
                title: "Takes the routine questions",
                body: "Sample review. Delivery times, returns and forgotten passwords are most of what people \
                       ask us, and those it answers at once. We changed the name, the greeting and the colour, \
                       and it was on the page the same afternoon.",
            },
            Review {
                author: "Sample reviewer, help desk",
                rating: 4,
                title: "Says so when it does not know",
                body: "Sample review. What I like most is that it does not invent an answer: it says what it can \
                       help with instead. Bring your own policies, because the built-in ones are an example shop's.",
            },
            Review {
                author: "Sample reviewer, agency",
                rating: 5,
                title: "A good first agent",
                body: "Sample review. We use it to show clients how persona, widget and keys fit together before \
                       we build their own.",
            },
        ],
    },
    Sample {
        slug: "code-review",
        category: "agents",
        name: "Code Review Agent",
        tagline: "Reads a piece of code and points at what a careful colleague would ask about.",
        description: include_str!("code-review.md"),
        greeting: "Paste a piece of code, and I will tell you what I would ask about in a review.",
        starters: &[
            "Review this: let user = users.find(id).unwrap();",
            "Review this: query = \"SELECT * FROM users WHERE id = \" + user_id",
            "Review this: except: pass",
            "What do you look for in a review?",
        ],
        tags: &["code", "review", "quality", "security", "developers"],
        free: false,
        reviews: &[
            Review {
                author: "Sample reviewer, backend developer",
                rating: 4,
                title: "A second pair of eyes for the usual suspects",
                body: "Sample review. It finds the things that slip through late in the day: a swallowed error, \
                       a query glued together from strings, a secret in the source. It does not replace a \
                       colleague who knows the domain.",
            },
            Review {
                author: "Sample reviewer, team lead",
                rating: 4,
                title: "Explains why",
                body: "Sample review. Each remark comes with a reason and a suggestion, which makes it useful for \
                       people who are new to the team.",
            },
        ],
    },
    Sample {
        slug: "slack-integration",
        category: "apps",
        name: "Slack Integration",
        tagline: "Turns rough notes into clear Slack messages, and says in which kind of channel they belong.",
        description: include_str!("slack-integration.md"),
        greeting: "Tell me what your team should know, and I will write the Slack message.",
        starters: &[
            "Announce: version 2.4 is live, exports are twice as fast",
            "Incident: checkout answers slowly since 14:05, we are looking into it",
            "Remind everyone that time sheets are due on Friday at noon",
            "How should I use threads and mentions?",
        ],
        tags: &["slack", "messages", "announcements", "incidents", "team"],
        free: false,
        reviews: &[
            Review {
                author: "Sample reviewer, operations",
                rating: 4,
                title: "Incident notes that people can read",
                body: "Sample review. During an incident nobody wants to think about formatting. I type what \
                       happened, and what comes back has a headline, the facts and what happens next.",
            },
            Review {
                author: "Sample reviewer, product manager",
                rating: 5,
                title: "Release notes in a minute",
                body: "Sample review. We call it from our release script with a key and post the result.",
            },
        ],
    },
    Sample {
        slug: "general-knowledge",
        category: "assistants",
        name: "General Knowledge",
        tagline: "Explains everyday questions of science, money, health and technology in plain words.",
        description: include_str!("general-knowledge.md"),
        greeting: "Hi! Ask me something you have always wanted to have explained.",
        starters: &[
            "Why is the sky blue?",
            "How does compound interest work?",
            "What is the difference between a virus and a bacterium?",
            "How does photosynthesis work?",
        ],
        tags: &["questions", "learning", "science", "explain", "chat"],
        free: true,
        reviews: &[
            Review {
                author: "Sample reviewer, teacher",
                rating: 5,
                title: "Plain words",
                body: "Sample review. The answers are short and do not talk down to anybody. I let a class ask it \
                       first and then check what it said, which is a good exercise.",
            },
            Review {
                author: "Sample reviewer, museum shop",
                rating: 4,
                title: "Nice with documents of one's own",
                body: "Sample review. Out of the box it knows a limited set of topics and says so. Its use begins \
                       when you connect a model or add what your visitors ask about.",
            },
        ],
    },
    Sample {
        slug: "email-responder",
        category: "automations",
        name: "Email Responder",
        tagline: "Drafts a reply to the e-mail that you paste or send it, ready to be read over and sent.",
        description: include_str!("email-responder.md"),
        greeting: "Paste an e-mail, and I will draft the reply.",
        starters: &[
            "Hi, I was charged twice for my order in March. Can you look into this? Best, Dana",
            "Hello, could we move our meeting on Thursday to next week? Regards, Sam",
            "Good morning, do you offer a discount for schools? Kind regards, Robin",
        ],
        tags: &["email", "replies", "drafts", "inbox", "office"],
        free: false,
        reviews: &[
            Review {
                author: "Sample reviewer, office manager",
                rating: 4,
                title: "Drafts, not decisions",
                body: "Sample review. It thanks, sums up what was asked and leaves a gap where a person has to \
                       decide. That is the right way round for us.",
            },
            Review {
                author: "Sample reviewer, freelancer",
                rating: 5,
                title: "Half the inbox before coffee",
                body: "Sample review. Asking for another date, answering a question about prices, saying thank \
                       you: the draft is there and I change a word or two.",
            },
            Review {
                author: "Sample reviewer, club secretary",
                rating: 3,
                title: "Good for the usual, not for the delicate",
                body: "Sample review. For a complaint that needs tact I still write myself. For everything else \
                       it saves time.",
            },
        ],
    },
];

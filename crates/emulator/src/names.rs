//! The words that generated people, groups and companies are made of.

/// Given names, as they are written and as they stand in an address.
pub(crate) const FIRST_NAMES: &[(&str, &str)] = &[
    ("Jane", "jane"),
    ("Marcelina", "marcelina"),
    ("Jörg", "joerg"),
    ("Aiko", "aiko"),
    ("José", "jose"),
    ("Priya", "priya"),
    ("Oluwaseun", "oluwaseun"),
    ("Søren", "soren"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Chloé", "chloe"),
    ("Dmitri", "dmitri"),
    ("Ольга", "olga"),
    ("Νίκος", "nikos"),
    ("美咲", "misaki"),
    ("伟", "wei"),
    ("지우", "jiwoo"),
    ("फातिमा", "fatima"),
    ("יעל", "yael"),
    ("ليلى", "layla"),
    ("Siân", "sian"),
    ("Nguyệt", "nguyet"),
    ("Björk", "bjork"),
    ("Ana María", "ana.maria"),
    ("Jean-Luc", "jean-luc"),
    ("Mbali", "mbali"),
    ("Tariq", "tariq"),
    ("Eric", "eric"),
    ("Grace", "grace"),
    ("Noah", "noah"),
    ("İpek", "ipek"),
    ("Ștefan", "stefan"),
];

/// Family names, as they are written and as they stand in an address.
pub(crate) const LAST_NAMES: &[(&str, &str)] = &[
    ("Doe", "doe"),
    ("Davis", "davis"),
    ("Müller", "mueller"),
    ("Tanaka", "tanaka"),
    ("García Márquez", "garcia.marquez"),
    ("O'Brien", "obrien"),
    ("Nguyễn", "nguyen"),
    ("Kowalski", "kowalski"),
    ("Åkesson", "akesson"),
    ("Šimůnek", "simunek"),
    ("Иванова", "ivanova"),
    ("Παπαδόπουλος", "papadopoulos"),
    ("佐藤", "sato"),
    ("王", "wang"),
    ("김", "kim"),
    ("Schneider", "schneider"),
    ("d'Ormesson", "dormesson"),
    ("van der Berg", "vanderberg"),
    ("Öztürk", "oztuerk"),
    ("Ndlovu", "ndlovu"),
    ("al-Farsi", "alfarsi"),
    ("Singh", "singh"),
    ("Silva e Souza", "silva.souza"),
    ("Ó Súilleabháin", "osuilleabhain"),
    ("MacDonald", "macdonald"),
    ("Þórsdóttir", "thorsdottir"),
    ("Smith-Jones", "smith-jones"),
    ("Okafor", "okafor"),
    ("Levi", "levi"),
    ("Haddad", "haddad"),
    ("Popović", "popovic"),
    ("Lindqvist", "lindqvist"),
];

/// Companies, with the first part of their domain.
pub(crate) const COMPANIES: &[(&str, &str)] = &[
    ("Acme Corp", "acme"),
    ("Foo Corp", "foo-corp"),
    ("Bäckerei Groß", "baeckerei-gross"),
    ("Société Générique", "societe-generique"),
    ("株式会社サンプル", "sample-kk"),
    ("Initech", "initech"),
    ("Umbrella & Sons", "umbrella"),
    ("Hooli", "hooli"),
];

/// Departments, which groups and attributes are named after.
pub(crate) const DEPARTMENTS: &[&str] = &[
    "Engineering",
    "Finance",
    "Sales",
    "People",
    "Legal",
    "Support",
    "Marketing",
    "Forschung & Entwicklung",
    "Operações",
    "営業",
];

/// What groups have besides a department.
pub(crate) const GROUP_SUFFIXES: &[&str] = &["", " – Leads", " – Contractors", " – EMEA", " – Americas", " – APAC"];

/// Job titles.
pub(crate) const JOB_TITLES: &[&str] = &[
    "Software Engineer",
    "Engineering Manager",
    "Accountant",
    "Account Executive",
    "Recruiter",
    "Counsel",
    "Support Specialist",
    "Designer",
    "Data Analyst",
    "Office Manager",
];

/// The cities of offices.
pub(crate) const CITIES: &[&str] = &[
    "Berlin",
    "San Francisco",
    "São Paulo",
    "東京",
    "Łódź",
    "Lagos",
    "Bengaluru",
];

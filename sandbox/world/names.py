# ruff: noqa: SIM905 (words in a row read better than a list of quotes)
"""Word lists: first names, family names, job titles, medical organisation names."""

from __future__ import annotations

FIRST_NAMES = (
    "Adrien Agnès Alain Alice Amélie André Anne Antoine Arnaud Aurélie Baptiste Béatrice Benoît "
    "Bernard Camille Carole Caroline Catherine Cécile Céline Charlotte Christian Christine Claire "
    "Clément Corinne Damien Daniel David Delphine Denis Didier Dominique Élise Élodie Emmanuel "
    "Éric Estelle Étienne Fabien Fabrice Florence Florian François Françoise Frédéric Gaëlle "
    "Geneviève Gérard Gilles Guillaume Hélène Hervé Hugo Inès Isabelle Jacques Jean Jérôme Joël "
    "Julie Julien Karim Karine Laurence Laurent Léa Louis Luc Lucie Manon Marc Marie Marion "
    "Martine Mathieu Maxime Mehdi Michel Mireille Monique Nadia Nathalie Nicolas Noémie "
    "Olivier Pascal "
    "Patrick Paul Pauline Philippe Pierre Quentin Raphaël Rémi Romain Samir Sandrine Sarah "
    "Sébastien Serge Simon Sophie Stéphane Stéphanie Sylvie Thierry Thomas Valérie Véronique "
    "Vincent Virginie Xavier Yann Yves Zoé"
).split()

LAST_NAMES = (
    "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre "
    "Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau "
    "Vincent Muller Lefèvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François "
    "Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier "
    "Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun Blanchard "
    "Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martinez Gérard Roche Renard Schmitt "
    "Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix Olivier "
    "Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte Lopez "
    "Jean Dupuy Guillot Hubert Berger Carpentier Sanchez Dupuis Moulin Louis Deschamps Huet "
    "Vasseur Perez Boucher Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré "
    "Charles Renault Charpentier Ménard Maillard Baron Bertin Bailly Hervé Schneider Fernandez"
).split()

#: Roles that matter per account type with their chance for the account's lead.
ROLES = {
    "solo_practice": {"surgeon": 1.0},
    "group_practice": {"surgeon": 0.65, "practice_manager": 0.35},
    "ambulatory_clinic": {"surgeon": 0.3, "practice_manager": 0.3, "clinic_director": 0.4},
    "public_hospital": {"surgeon": 0.7, "practice_manager": 0.15, "clinic_director": 0.15},
    "commune": {
        "elected_official": 0.55,
        "finance_director": 0.2,
        "procurement_officer": 0.15,
        "legal": 0.1,
    },
    "epci": {
        "elected_official": 0.25,
        "finance_director": 0.3,
        "procurement_officer": 0.3,
        "legal": 0.15,
    },
    "departement": {
        "elected_official": 0.1,
        "finance_director": 0.3,
        "procurement_officer": 0.4,
        "legal": 0.2,
    },
    "region": {
        "elected_official": 0.1,
        "finance_director": 0.3,
        "procurement_officer": 0.4,
        "legal": 0.2,
    },
}
ROLE_NAMES = [
    "surgeon",
    "practice_manager",
    "clinic_director",
    "elected_official",
    "finance_director",
    "procurement_officer",
    "legal",
]
JOB_TITLES = {
    "surgeon": ["Chirurgien orthopédiste", "Chirurgienne viscérale", "Chirurgien cardiaque"],
    "practice_manager": ["Responsable de cabinet", "Cadre administrative", "Office manager"],
    "clinic_director": ["Directrice de clinique", "Directeur général", "Directrice des opérations"],
    "elected_official": ["Maire", "Adjointe au maire", "Conseiller délégué au numérique"],
    "finance_director": ["Directrice financière", "Directeur des finances", "Responsable budget"],
    "procurement_officer": [
        "Responsable de la commande publique",
        "Acheteuse publique",
        "Chef du service marchés",
    ],
    "legal": ["Juriste", "Directrice des affaires juridiques", "Responsable juridique"],
}

#: Account type: (number, name prefix, share of the vertical's leads, employees low, high).
MEDICAL_TYPES = {
    "solo_practice": (2_500, "Cabinet du Dr", 0.40, 1, 2),
    "group_practice": (1_300, "Groupe chirurgical", 0.34, 3, 14),
    "ambulatory_clinic": (600, "Clinique ambulatoire", 0.14, 30, 180),
    "public_hospital": (600, "Centre hospitalier", 0.12, 300, 6_000),
}
#: Surgeons of an account: low, high (exclusive). Group practices have two to five.
PRACTITIONERS = {
    "solo_practice": (1, 2),
    "group_practice": (2, 6),
    "ambulatory_clinic": (4, 30),
    "public_hospital": (15, 300),
}

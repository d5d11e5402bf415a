package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.data.LanguageToolRules.Correction;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Whether an English sentence is acceptable: the example sentences of LanguageTool's rules, each
 * wrong one beside its correction. Single text, two classes of about equal size, 12,197 sentences
 * in the training file (tune included), 1,488 in dev, 1,580 in test.
 *
 * <p>The rule:
 *
 * <ol>
 *   <li>The corrected examples are those of {@link LanguageToolRules#read} whose first correction
 *       is not empty, of the categories {@code GRAMMAR}, {@code TYPOS}, {@code CONFUSED_WORDS},
 *       {@code COLLOCATIONS}, {@code COMPOUNDING}, {@code SEMANTICS}, {@code MULTITOKEN_SPELLING}
 *       and {@code NONSTANDARD_PHRASES}.
 *   <li>Tokens are runs of letters, digits and {@code _}, and single other characters but white
 *       space, in lower case. An example is left out if its wrong sentence has fewer than 4, or the
 *       same as the right one: an encoder that does not see case could not tell them apart.
 *   <li>The wrong sentence (class 0) and then the right one (class 1) are kept unless that sentence
 *       was kept before, in lower case.
 *   <li>A sentence belongs to a split by {@code h("g" + id)} of its rule group, or of its rule
 *       where that is in no group, see {@link HashedSplits}: the rules of dev and test are not
 *       those of training.
 *   <li>The sentences of a split are sorted by {@code h("o" + sentence)}, with {@code h} of {@link
 *       StableHash#fraction}.
 * </ol>
 */
public final class LanguageToolMinimalPairs {
  /** Name in experiment files. */
  public static final String NAME = "languagetool-minimal-pairs";

  /** The English rules of LanguageTool; read, and no part of any product. */
  public static final MavenArtifact ARTIFACT = LanguageToolRules.ARTIFACT;

  private static final List<String> LABELS = List.of("unacceptable", "acceptable");
  private static final int WRONG = 0;
  private static final int RIGHT = 1;
  private static final int MIN_TOKENS = 4;
  private static final Pattern TOKEN =
      Pattern.compile("\\w+|[^\\w\\s]", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Set<String> CATEGORIES =
      Set.of(
          "GRAMMAR",
          "TYPOS",
          "CONFUSED_WORDS",
          "COLLOCATIONS",
          "COMPOUNDING",
          "SEMANTICS",
          "MULTITOKEN_SPELLING",
          "NONSTANDARD_PHRASES");

  private LanguageToolMinimalPairs() {}

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    final HashedSplits splits = new HashedSplits();
    final Set<String> seen = new HashSet<>();
    for (Correction correction : LanguageToolRules.read(jar)) {
      if (isKept(correction)) {
        add(splits, seen, correction.rule(), correction.wrong(), WRONG);
        add(splits, seen, correction.rule(), correction.right(), RIGHT);
      }
    }
    if (splits.anyEmpty()) {
      throw LanguageToolRules.damaged(
          jar, "it has only " + splits.size() + " example sentences in the expected categories");
    }
    splits.sort(sentence -> "o" + sentence.text());
    return new Task(
        NAME,
        TaskKind.CLASSIFICATION,
        LABELS,
        Metric.ACCURACY,
        LanguageToolRules.PROVENANCE,
        splits.train(),
        splits.dev(),
        splits.test());
  }

  private static boolean isKept(Correction c) {
    if (c.correction().isEmpty() || !CATEGORIES.contains(c.category())) {
      return false;
    }
    final List<String> wrong = tokens(c.wrong());
    return wrong.size() >= MIN_TOKENS && !wrong.equals(tokens(c.right()));
  }

  private static List<String> tokens(String sentence) {
    return TOKEN
        .matcher(sentence.toLowerCase(Locale.ROOT))
        .results()
        .map(MatchResult::group)
        .toList();
  }

  private static void add(
      HashedSplits splits, Set<String> seen, String rule, String sentence, int label) {
    if (seen.add(sentence.toLowerCase(Locale.ROOT))) {
      splits.add("g" + rule, Example.labelled(sentence, label));
    }
  }
}

package dev.bantam.training;

import dev.bantam.model.Batch;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Site;
import java.util.List;

/**
 * Loss terms that pull a site of a student towards the values that a teacher has for the same
 * batch, as {@link dev.bantam.model.EncoderModel#siteValues} gives them. Teacher arrays are kept,
 * not copied.
 */
public final class DistillationTerms {
  private DistillationTerms() {}

  private interface Body {
    double apply(Batch batch, float[] student, float[] gradient);
  }

  private static LossTerm term(Site site, Body body) {
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return List.of(site);
      }

      @Override
      public double apply(Batch batch, List<float[]> values, List<float[]> gradients) {
        return body.apply(batch, values.get(0), gradients.get(0));
      }
    };
  }

  /**
   * A distance of the rows of a site, e.g. of a hidden state by {@link
   * HiddenDistillation#meanSquaredError}.
   *
   * @param teacher of the same shape as the student's
   */
  public static LossTerm rows(Site site, float[] teacher, HiddenDistillation.Distance distance) {
    if (site.kind().square()) {
      throw new IllegalArgumentException("'" + site + "' has no rows of one width");
    }
    return term(
        site,
        (batch, student, gradient) -> {
          final int rows = site.kind().perSequence() ? batch.sequences() : batch.tokens();
          return distance.apply(student, teacher, rows, student.length / rows, gradient);
        });
  }

  /** Mean squared difference of attention scores; {@code site} is {@code attention.scores}. */
  public static LossTerm scores(Site site, float[] teacher) {
    return term(
        site,
        (batch, student, gradient) ->
            AttentionDistillation.scores(student, teacher, student.length, gradient));
  }

  /** Divergence of attention distributions; {@code site} is {@code attention.scores}. */
  public static LossTerm attention(Site site, float[] teacher, int heads) {
    return term(
        site,
        (batch, student, gradient) ->
            AttentionDistillation.attention(student, teacher, batch.offsets(), heads, gradient));
  }

  /**
   * Divergence of relations; {@code site} is {@code attention.query}, {@code .key} or {@code
   * .value}.
   *
   * @param heads relation heads, of student and teacher alike
   */
  public static LossTerm relations(Site site, float[] teacher, int heads) {
    return term(
        site,
        (batch, student, gradient) ->
            AttentionDistillation.relations(student, teacher, batch.offsets(), heads, gradient));
  }

  /** Direction matching of relations, as {@link #relations}. */
  public static LossTerm relationDirection(Site site, float[] teacher, int heads) {
    return term(
        site,
        (batch, student, gradient) ->
            AttentionDistillation.relationDirection(
                student, teacher, batch.offsets(), heads, gradient));
  }
}

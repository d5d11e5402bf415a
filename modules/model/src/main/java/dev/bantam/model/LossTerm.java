package dev.bantam.model;

import java.util.List;

/**
 * A part of the loss that is read off activations: distillation of hidden states, of attention, of
 * query, key and value relations, a penalty on outliers. The total is the task's loss plus the
 * weighted terms.
 */
public interface LossTerm {
  /** The sites that are read. */
  List<Site> sites();

  /**
   * The value of the term, unweighted.
   *
   * @param values the sites' inputs, before any transform attached there, each laid out as {@link
   *     SiteValue} says
   * @param gradients out: derivative with respect to each value, zeroed before; same order and
   *     lengths
   */
  double apply(Batch batch, List<float[]> values, List<float[]> gradients);

  /** What value and gradient are multiplied with. */
  default double weight() {
    return 1;
  }

  /** This term with its weight multiplied. */
  default LossTerm weighted(double factor) {
    final LossTerm term = this;
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return term.sites();
      }

      @Override
      public double apply(Batch batch, List<float[]> values, List<float[]> gradients) {
        return term.apply(batch, values, gradients);
      }

      @Override
      public double weight() {
        return term.weight() * factor;
      }
    };
  }
}

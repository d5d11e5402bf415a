package dev.bantam.pruning;

import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.pruning.Obert.Order;

/** CAP (Kuznedelev et al. 2023): oBERT's Fisher blocks, each pruned greedily. */
final class Cap {
  private Cap() {}

  /** Reads {@code prune: {method: cap, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "cap";
    }

    @Override
    public Step parse(Settings settings) {
      final Obert criterion = Obert.read(settings, Order.GREEDY);
      return criterion.pattern().step(settings, criterion);
    }
  }
}

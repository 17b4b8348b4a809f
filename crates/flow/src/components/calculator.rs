//! Calculator: sums, differences, products, quotients and powers of numbers. Nothing is ever evaluated as code.

use async_trait::async_trait;
use serde_json::json;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

/// The deepest nesting of parentheses.
const DEPTH: usize = 100;

#[derive(Debug)]
pub(super) struct Calculator;

#[async_trait]
impl Component for Calculator {
    fn types(&self) -> &'static [&'static str] {
        &["CalculatorComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["result"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("evaluate_expression", "result")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        Ok(Outputs::one("result", Value::data(evaluate(call))))
    }
}

/// Calculator of the first versions, which is only ever a tool.
#[derive(Debug)]
pub(super) struct CalculatorTool;

#[async_trait]
impl Component for CalculatorTool {
    fn types(&self) -> &'static [&'static str] {
        &["CalculatorTool", "CalculatorToolComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["api_run_model"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("calculator", "api_run_model")]
    }

    fn takes(&self) -> &'static [(&'static str, &'static str)] {
        &[("expression", "expression")]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        Ok(Outputs::one("api_run_model", Value::data(evaluate(call))))
    }
}

fn evaluate(call: &Call<'_>) -> Data {
    let expression = call.inputs.text("expression").unwrap_or_default();
    match value(&expression) {
        Ok(result) => Data::of_json(json!({ "result": written(result) })),
        Err(error) => Data::of_json(json!({"error": error, "input": expression})),
    }
}

/// Six decimals, without the zeros at the end.
fn written(number: f64) -> String {
    let text = format!("{number:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "-0".into() } else { text.to_owned() }
}

/// Computes an expression with Python's precedence: powers bind tighter than a sign on their left.
fn value(expression: &str) -> Result<f64, String> {
    let mut reader = Reader { rest: expression.trim(), depth: 0 };
    let result = reader.sum()?;
    reader.skip_space();
    if !reader.rest.is_empty() {
        return Err("Invalid expression: invalid syntax".into());
    }
    Ok(result)
}

struct Reader<'e> {
    rest: &'e str,
    depth: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, token: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut left = self.product()?;
        loop {
            if self.takes("+") {
                left += self.product()?;
            } else if self.takes("-") {
                left -= self.product()?;
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut left = self.power()?;
        loop {
            self.skip_space();
            if self.rest.starts_with("**") {
                return Err("Invalid expression: invalid syntax".into());
            }
            if self.rest.starts_with("//") {
                return Err("Invalid expression: Unsupported binary operator: FloorDiv".into());
            }
            if self.takes("*") {
                left *= self.power()?;
            } else if self.takes("/") {
                let right = self.power()?;
                if right == 0.0 {
                    return Err("Error: Division by zero".into());
                }
                left /= right;
            } else if self.rest.starts_with('%') {
                return Err("Invalid expression: Unsupported binary operator: Mod".into());
            } else {
                return Ok(left);
            }
        }
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.number()?;
        if !self.takes("**") {
            return Ok(base);
        }
        self.deeper()?;
        let exponent = self.power()?;
        self.depth -= 1;
        let result = base.powf(exponent);
        if result.is_finite() {
            return Ok(result);
        }
        Err(if base == 0.0 {
            "Error: Division by zero"
        } else {
            "Invalid expression: (34, 'Numerical result out of range')"
        }
        .into())
    }

    fn number(&mut self) -> Result<f64, String> {
        if self.takes("(") {
            self.deeper()?;
            let inside = self.sum()?;
            self.depth -= 1;
            return if self.takes(")") { Ok(inside) } else { Err("Invalid expression: '(' was never closed".into()) };
        }
        self.skip_space();
        // Langflow's calculator has no signs in front of numbers; a lone sign is refused there.
        if self.rest.starts_with(['+', '-']) {
            return Err("Invalid expression: Unsupported operation or expression type: UnaryOp".into());
        }
        let mut end =
            self.rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(self.rest.len());
        let tail = &self.rest.as_bytes()[end..];
        if end > 0 && matches!(tail.first(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(tail.get(1), Some(b'+' | b'-')));
            let digits = tail[1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                end += 1 + sign + digits;
            }
        }
        let (number, rest) = self.rest.split_at(end);
        let parsed = number.replace('_', "").parse::<f64>();
        self.rest = rest;
        match parsed {
            Ok(number) if number.is_finite() => Ok(number),
            _ if rest.starts_with(|c: char| c.is_alphabetic()) => {
                Err("Invalid expression: Unsupported operation or expression type: Name".into())
            }
            _ => Err("Invalid expression: invalid syntax".into()),
        }
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH { Err("Invalid expression: too many nested parentheses".into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_computed_as_python_does() {
        for (expression, result) in [
            ("2 + 3", "5"),
            ("4*4*(33/22)+12-20", "16"),
            ("2 ** 3 ** 2", "512"),
            ("1/3", "0.333333"),
            ("1e3 + .5", "1000.5"),
            ("10 - 2 - 3", "5"),
        ] {
            assert_eq!(value(expression).map(written), Ok(result.to_owned()), "{expression}");
        }
    }

    #[test]
    fn what_is_no_sum_is_an_error_and_never_run() {
        assert_eq!(value("1/0"), Err("Error: Division by zero".into()));
        for expression in ["__import__('os')", "1 +", "", "(1", "2 %  1", "9**9**9**9", "1 2", "-1"] {
            assert!(value(expression).is_err(), "{expression}");
        }
        assert!(value(&"(".repeat(100_000)).is_err());
    }
}

// Gives the framework's own errors the API's form.

import Hummingbird

/// Turns what Hummingbird throws under `/v1/`, for a route that does not exist for instance, into ``APIError``.
struct APIErrorMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where request.uri.path.hasPrefix("/v1/") {
            let message = "\(request.method) \(request.uri.path.prefix(100)): \(error.status.reasonPhrase)."
            throw APIError(
                status: error.status,
                message: error.body ?? message,
                type: error.status.kind == .serverError ? "server_error" : "invalid_request_error"
            )
        }
    }
}
